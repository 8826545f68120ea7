"""Experiments as they run: a document, a store, and a data plane that calls."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from serving.experiments.control.status import status
from serving.experiments.live.authority import replicas
from serving.experiments.live.live import Live
from serving.experiments.live.results import design_of_experiment
from serving.experiments.state.lifecycle import Phase, Ramp, change, read_lifecycle
from serving.experiments.state.sqlite import SqliteStore
from serving.experiments.state.store import StoreAwayError
from serving.experiments.statistics.asked import caught_up
from serving.experiments.statistics.decide import decide
from tests.serving.experiments.live.conftest import Open, experiment
from tests.serving.experiments.live.plane import Clock

UNITS = [f"user-{n}" for n in range(2000)]


def test_a_draft_leaves_requests_alone_and_start_takes_effect(opened: Open) -> None:
    plane = opened(experiment())
    assert plane.live.route("m") is None
    plane.start("e")
    arms = [choice.arm for unit in UNITS for choice, _ in [plane.call(unit)] if choice]
    assert len(arms) == len(UNITS)
    assert 0.17 < arms.count("new") / len(arms) < 0.23
    choice, _ = plane.call("user-1")
    assert choice is not None
    assert dict(choice.probabilities) == {"old": 0.8, "new": 0.2}
    assert choice.propensity == dict(choice.probabilities)[choice.arm]
    assert plane.live.route("other") is None


def test_units_keep_their_arms_over_replicas_and_restarts(opened: Open) -> None:
    first = opened(experiment())
    first.start("e")
    second = opened()
    arms = {unit: first.call(unit)[0].arm for unit in UNITS[:300]}  # type: ignore[union-attr]
    assert {unit: second.call(unit)[0].arm for unit in UNITS[:300]} == arms  # type: ignore[union-attr]
    first.live.close()
    third = opened()
    assert {unit: third.call(unit)[0].arm for unit in UNITS[:300]} == arms  # type: ignore[union-attr]


def test_a_whole_experiment_from_split_to_verdict(opened: Open) -> None:
    plane = opened(experiment("planned: {units: 4000}", "arms: {old: {version: 1}, new: {version: 2}}"))
    plane.start("e")
    for number in range(4000):
        choice, request = plane.call(f"user-{number}")
        assert choice is not None
        if number % 1000 == 0:
            plane.live.tick()
    plane.live.tick()
    # Every third request of the old arm is rewarded, every second of the new one.
    for number in range(4000):
        choice, request = plane.call(f"user-{number}", request_id=f"later-{number}")
        assert choice is not None
        plane.arms.setdefault(choice.arm, set()).add(request)
    plane.live.tick()
    every = {"old": 3, "new": 2}
    plane.rewards(
        "e",
        {f"later-{n}": float(n % every[next(iter(plane.arms[f"user-{n}"]))] == 0) for n in range(4000)},
    )
    plane.passes(3601)
    plane.live.tick()
    evidence = plane.live.keeper.results["e"].evidence
    assert evidence.closed == 4000
    assert evidence.assigned.units == 4000
    assert not evidence.mismatch()
    verdict = decide(evidence)
    assert verdict.action == "promote"
    assert verdict.arm == "new"


def test_two_replicas_count_each_unit_once(opened: Open, clock: Clock) -> None:
    planes = [opened(experiment()), opened()]
    planes[0].start("e")
    planes[1].live.tick()
    for number, unit in enumerate(UNITS):
        planes[number % 2].call(unit)
        planes[1 - number % 2].call(unit)
    for plane in planes:
        plane.live.tick()
    clock.at += 3601
    for _ in range(3):
        for plane in planes:
            plane.live.tick()
    for plane in planes:
        evidence = plane.live.keeper.results["e"].evidence
        assert (evidence.closed, evidence.assigned.units) == (len(UNITS), len(UNITS))
    assert planes[0].live.store.counters("e").get("units_switched", 0) == 0


def test_a_ramp_moves_only_units_from_old_to_new(opened: Open) -> None:
    plane = opened(experiment())
    plane.start("e")
    before = {unit: plane.call(unit)[0].arm for unit in UNITS}  # type: ignore[union-attr]
    ramp = Ramp(weights={"old": 0.5, "new": 0.5}, instead_of_weights={"old": 0.8, "new": 0.2})
    change(
        plane.live.store, "e", lambda life: life.__class__(life.phase, life.since, life.arm, ramp, life.out)
    )
    plane.live.tick()
    after = {unit: plane.call(unit)[0].arm for unit in UNITS}  # type: ignore[union-attr]
    moved = [unit for unit in UNITS if before[unit] != after[unit]]
    assert {before[unit] for unit in moved} == {"old"}
    assert 0.25 < len(moved) / len(UNITS) < 0.35


def test_a_changed_document_takes_effect_and_a_wrong_one_does_not(opened: Open, document: Path) -> None:
    plane = opened(experiment())
    plane.start("e")
    version = plane.call("u")[0].document  # type: ignore[union-attr]
    document.write_text(experiment("shar: 50%"))
    plane.live.tick()
    assert plane.call("u")[0].document == version  # type: ignore[union-attr]
    assert "unknown key 'shar'" in plane.live.followed.error
    document.write_text(experiment("share: 50%"))
    plane.live.tick()
    assert plane.live.followed.error == ""
    part = [plane.call(unit)[0] for unit in UNITS]
    assert 0.45 < sum(choice is None for choice in part) / len(UNITS) < 0.55


def test_stop_promote_and_roll_back_end_it(opened: Open) -> None:
    plane = opened(experiment("share: 50%"))
    plane.start("e")
    plane.phase("e", Phase.STOPPED)
    assert plane.live.route("m") is None
    plane.phase("e", Phase.PROMOTED, "new")
    assert {plane.call(unit)[0].arm for unit in UNITS[:100]} == {"new"}  # type: ignore[union-attr]
    plane.phase("e", Phase.ROLLED_BACK, "old")
    assert {plane.call(unit)[0].arm for unit in UNITS[:100]} == {"old"}  # type: ignore[union-attr]
    plane.live.tick()
    assert plane.live.store.pending("e") == {}


def test_an_arm_that_is_taken_out_gives_its_units_to_control_and_gets_them_back(opened: Open) -> None:
    plane = opened(experiment())
    plane.start("e")
    before = {unit: plane.call(unit)[0].arm for unit in UNITS}  # type: ignore[union-attr]
    change(plane.live.store, "e", lambda life: life.without("new", "it failed", 1.0))
    plane.live.tick()
    choices = [plane.call(unit)[0] for unit in UNITS]
    assert {choice.arm for choice in choices if choice} == {"old"}
    assert {choice.propensity for choice in choices if choice} == {1.0}
    change(plane.live.store, "e", lambda life: life.readmitted("new"))
    plane.live.tick()
    assert {unit: plane.call(unit)[0].arm for unit in UNITS} == before  # type: ignore[union-attr]
    assert read_lifecycle(plane.live.store, "e").out == {}


def test_a_request_without_a_unit_is_assigned_by_itself(opened: Open) -> None:
    plane = opened(experiment())
    plane.start("e")
    arms = [plane.call(None)[0] for _ in range(1000)]
    assert 0.15 < sum(choice.arm == "new" for choice in arms if choice) / 1000 < 0.25
    assert {choice.unit for choice in arms if choice} == {b""}
    same = {plane.call(None, request_id="again")[0].arm for _ in range(20)}  # type: ignore[union-attr]
    assert len(same) == 1


def test_decide_counts_what_the_running_process_counts(opened: Open, document: Path) -> None:
    plane = opened(
        experiment("planned: {units: 1000}").replace("experiments:", "state: state.db\nexperiments:")
    )
    plane.start("e")
    sent = [plane.call(f"user-{n}")[1] for n in range(600)]
    plane.live.tick()
    plane.rewards("e", {request: float(n % 3 == 0) for n, request in enumerate(sent)})
    plane.passes(3601)
    for n in range(600, 700):
        plane.call(f"user-{n}")
    plane.live.tick()
    design = design_of_experiment(plane.live.document.experiments["e"])
    for _ in range(2):
        evidence = caught_up(plane.live.store, "e", design)
        assert (evidence.units(), evidence.closed, evidence.assigned.units) == (600, 600, 700)
    # What has not been counted yet is counted on top, and only once.
    plane.clock.at += 3601
    evidence = caught_up(plane.live.store, "e", design)
    assert (evidence.closed, evidence.assigned.units) == (700, 700)


def test_a_replica_says_what_is_wrong_with_it(opened: Open, document: Path, clock: Clock) -> None:
    plane = opened(experiment())
    plane.start("e")
    assert [found["document"] for found in replicas(plane.live.store, clock.at)] == [
        plane.live.document.version
    ]
    plane.call(None)
    document.write_text("experiments: {e: }")
    plane.live.tick()
    (said,) = replicas(plane.live.store, clock.at)
    assert "experiments.yaml:1" in said["document_error"]
    assert said["without_unit"] == {"e": 1}
    alarms = "\n".join(status(plane.live.store, plane.live.document, "e")["alarms"])
    assert "keeps its former document, because the present one is wrong" in alarms
    assert "because their unit was missing: 1" in alarms
    plane.live.close()
    document.write_text(experiment())
    store = SqliteStore(document.parent / "state.db", clock)
    alarms = status(store, plane.live.document, "e")["alarms"]
    assert alarms == ["no router or server runs with this state: nobody assigns units"]
    store.close()


def test_replicas_with_an_older_document_adopt_what_the_newest_says(
    opened: Open, document: Path, clock: Clock
) -> None:
    old = opened(experiment())
    old.start("e")
    document.write_text(experiment(arms="arms: {old: {weight: 50%}, new: {weight: 50%}}"))
    old.live.followed._looked = old.live.followed._look()  # it does not see the change: another machine
    new = opened()
    for plane in (old, new, old, new):
        plane.passes(1)
    for plane in (old, new):
        choice, _ = plane.call("u")
        assert choice is not None
        assert dict(choice.probabilities) == {"old": 0.5, "new": 0.5}
    assert old.live.keeper.other_documents == {new.live.document.version: 1}
    table = new.call("u")[0].table  # type: ignore[union-attr]
    for plane in (old, new, old):
        plane.passes(1)
    assert new.call("u")[0].table == table  # type: ignore[union-attr]
    # Once nobody has the newer document any more, the older one counts again.
    new.live.close()
    old.passes(30)
    old.live.tick()
    assert dict(old.call("u")[0].probabilities) == {"old": 0.8, "new": 0.2}  # type: ignore[union-attr]


def test_a_damaged_table_assigns_nobody_anew(opened: Open, document: Path, clock: Clock) -> None:
    plane = opened(experiment())
    plane.start("e")
    arm = plane.call("u")[0].arm  # type: ignore[union-attr]
    version, value = plane.live.store.read("table/default") or (0, {})
    assert plane.live.store.write(
        "table/default", {**value, "table": {**value["table"], "slots": "AAAA"}}, version
    )
    plane.live.tick()
    assert plane.call("u")[0].arm == arm  # type: ignore[union-attr]
    assert "damaged" in plane.live.keeper.troubles["layer default"]
    again = opened()
    assert again.live.route("m") is None
    assert plane.live.store.read("table/default") == (
        version + 1,
        {**value, "table": {**value["table"], "slots": "AAAA"}},
    )
    # The last good one is put back by hand, and everything goes on.
    assert plane.live.store.write("table/default", value, version + 1)
    again.live.tick()
    assert again.call("u")[0].arm == arm  # type: ignore[union-attr]


def test_a_link_to_the_document_does_not_move_the_state(tmp_path: Path) -> None:
    """A cluster mounts a document as a link into a folder that changes with each edit."""
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "experiments.yaml").write_text(experiment())
    link = tmp_path / "experiments.yaml"
    link.symlink_to(tmp_path / "..data" / "experiments.yaml")
    live = Live(link)
    live.close()
    assert (tmp_path / "experiments.db").exists()


def test_a_request_that_cannot_be_assigned_goes_on_unchanged(opened: Open) -> None:
    plane = opened(experiment("mode: {type: linear, features: [x]}, unit: request"))
    plane.start("e")

    def broken() -> dict[str, object]:
        raise RuntimeError("nobody thought of this")

    route = plane.live.route("m")
    assert route is not None
    assert route.choose(None, "r", broken) is None
    assert plane.live.keeper.notes()["not_assigned"] == 1


def test_layers_that_change_one_after_the_other_each_change_in_their_time(
    opened: Open, document: Path
) -> None:
    text = experiment() + experiment("layer: two", name="f", model="n").replace("experiments:\n", "")
    text += "layers: {two: }\n"
    plane = opened(text, lead=10.0)
    plane.start("e", "f")
    before = {model: plane.call("u", model)[0].table for model in "mn"}  # type: ignore[union-attr]
    document.write_text(text.replace("e: {model: m", "e: {share: 50%, model: m"))
    plane.passes(1)
    document.write_text(
        text.replace("e: {model: m", "e: {share: 50%, model: m").replace(
            "f: {model: n", "f: {share: 50%, model: n"
        )
    )
    plane.passes(5)
    then = plane.live.keeper.routes.then
    assert then is not None
    tables = {
        model: {c.table for k in range(99) if (c := then[model].choose(f"v{k}", "r"))} for model in "mn"
    }
    assert tables == {"m": {before["m"] + 1}, "n": {before["n"]}}


def test_a_covariate_of_the_request_adjusts_the_comparison(opened: Open) -> None:
    widths = {}
    for name, key in (("plain", ""), ("adjusted", ", covariate: score")):
        plane = opened(
            experiment(
                f"planned: {{units: 2000{key}}}", "arms: {old: {version: 1}, new: {version: 2}}", name=name
            )
        )
        plane.start(name)
        sent = [plane.call(f"user-{n}", features={"score": [n % 10 / 10]})[1] for n in range(2000)]
        plane.live.tick()
        # The score says nearly all about the reward, the arm nothing.
        plane.rewards(name, {request: float(n % 10 >= 5) for n, request in enumerate(sent)})
        plane.passes(3601)
        plane.live.tick()
        found = plane.live.keeper.results[name].evidence.interval("new")
        assert found.low is not None
        assert found.high is not None
        assert found.low < 0 < found.high
        widths[name] = found.high - found.low
    assert widths["adjusted"] < 0.8 * widths["plain"]


def test_a_damaged_phase_stops_no_other_experiment(opened: Open, document: Path) -> None:
    text = experiment() + experiment(name="f", model="n", keys="layer: two").replace("experiments:\n", "")
    plane = opened(text + "layers: {two: }\n")
    plane.start("e", "f")
    version, value = plane.live.store.read("status/e") or (0, {})
    assert plane.live.store.write("status/e", {**value, "phase": "asleep"}, version)
    plane.phase("f", Phase.STOPPED)
    assert plane.live.route("n") is None
    assert plane.call("u")[0] is not None
    assert "asleep" in plane.live.keeper.troubles["experiment e"]


def test_two_experiments_on_one_model_share_its_units(opened: Open) -> None:
    plane = opened(
        experiment("share: 30%") + experiment("share: 60%", name="f").replace("experiments:\n", "")
    )
    plane.start("e", "f")
    choices = {unit: plane.call(unit)[0] for unit in UNITS}
    found = [choice.experiment if choice else "" for choice in choices.values()]
    assert 0.27 < found.count("e") / len(UNITS) < 0.33
    assert 0.57 < found.count("f") / len(UNITS) < 0.63
    plane.phase("e", Phase.PROMOTED, "new")
    after = {unit: plane.call(unit)[0] for unit in UNITS}
    for unit, before in choices.items():
        now = after[unit]
        assert now is not None
        if before is not None and before.experiment == "f":
            assert (now.experiment, now.arm) == ("f", before.arm)
        else:
            assert (now.experiment, now.arm) == ("e", "new")


def test_a_process_that_cannot_read_its_state_ends_whole(document: Path, clock: Clock) -> None:
    document.write_text(experiment())
    store = SqliteStore(document.parent / "state.db", clock)

    def away(**_: object) -> None:
        raise StoreAwayError("the database", seen="no answer")

    store._reading = away  # type: ignore[assignment,method-assign]
    before = threading.active_count()
    with pytest.raises(StoreAwayError):
        Live(document, store=store)
    assert threading.active_count() == before
