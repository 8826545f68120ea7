"""Modes that learn: weights move, known units keep their arms, and what was logged is what was in force."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.experiments.live.arms import Bystander
from serving.experiments.state.lifecycle import Phase
from tests.serving.experiments.live.conftest import Open, experiment
from tests.serving.experiments.live.plane import Clock, Plane

EVEN = "arms: {old: {version: 1}, new: {version: 2}}"
MODE = "mode: {type: thompson, every: 10m, step: 20%, floor: 5%, %s}"


def thompson(mode: str = "stickiness: new_units", rest: str = "") -> str:
    return experiment(MODE.replace("%s", mode) + (f", {rest}" if rest else ""), EVEN)


def let_the_new_arm_win(plane: Plane, units: int = 400, first: int = 0) -> None:
    """Sends units whose rewards come from the new arm alone, and lets their windows close."""
    requests = [plane.call(f"user-{n}") for n in range(first, first + units)]
    plane.live.tick()
    plane.rewards("e", {request: float(choice.arm == "new") for choice, request in requests if choice})
    plane.passes(3601)
    plane.live.tick()


def share_of_new(plane: Plane) -> float:
    choice, _ = plane.call("somebody new to the experiment", request_id="x")
    assert choice is not None
    return plane.live.keeper.world.shares_of("e")[1]["new"]


def test_weights_move_to_the_better_arm_by_at_most_a_step_an_interval(opened: Open) -> None:
    plane = opened(thompson())
    plane.start("e")
    assert share_of_new(plane) == pytest.approx(0.5)
    let_the_new_arm_win(plane)
    assert share_of_new(plane) == pytest.approx(0.7)
    plane.passes(601)
    assert share_of_new(plane) == pytest.approx(0.9)
    plane.passes(601)
    assert share_of_new(plane) == pytest.approx(0.9)  # control keeps its floor of 10%


def test_a_known_unit_keeps_its_arm_while_weights_move(opened: Open) -> None:
    plane = opened(thompson())
    plane.start("e")
    let_the_new_arm_win(plane)
    before = {unit: set(arms) for unit, arms in plane.arms.items()}
    plane.passes(601)
    for n in range(400):
        plane.call(f"user-{n}")
    assert {unit: plane.arms[unit] for unit in before} == before
    new = [plane.call(f"late-{n}")[0] for n in range(1000)]
    assert 0.87 < sum(choice.arm == "new" for choice in new if choice) / 1000 < 0.93
    assert {choice.propensity for choice in new if choice} == {0.9, 0.1}
    known = plane.call("user-1")[0]
    assert known is not None
    assert known.propensity == 0.5  # in force when it was assigned


def test_another_replica_and_a_restart_know_the_units(opened: Open) -> None:
    first = opened(thompson())
    first.start("e")
    second = opened()
    let_the_new_arm_win(first)
    first.passes(601)
    second.live.tick()
    first.live.close()
    third = opened()
    for n in range(400):
        for plane in (second, third):
            choice, _ = plane.call(f"user-{n}")
            assert choice is not None
            assert {choice.arm} == first.arms[f"user-{n}"]
            assert choice.propensity == 0.5
    third.live.tick()
    assert third.live.store.counters("e").get("units_switched", 0) == 0


def test_two_replicas_have_the_same_weights_and_learn_each_unit_once(opened: Open) -> None:
    planes = [opened(thompson()), opened()]
    planes[0].start("e")
    planes[1].live.tick()
    let_the_new_arm_win(planes[0], 200)
    let_the_new_arm_win(planes[1], 200, first=1000)
    for plane in planes:
        plane.live.tick()
    assert share_of_new(planes[0]) == share_of_new(planes[1])
    allocations = [plane.live.keeper.results["e"].allocation for plane in planes]
    assert allocations[0].number == allocations[1].number
    stored = planes[0].live.store.read("results/e")
    assert stored is not None
    sums = stored[1]["allocator"]["sums"]
    assert sum(units for units, _, _ in sums.values()) == 400


def test_beyond_the_limit_control_answers_and_nobody_is_counted(opened: Open) -> None:
    plane = opened(thompson() + "limits: {units: 100}\n")
    plane.start("e")
    choices = [plane.call(f"user-{n}")[0] for n in range(300)]
    beyond = [choice for choice in choices if isinstance(choice, Bystander)]
    assert len(beyond) == 200
    assert {choice.arm for choice in beyond} == {"old"}
    plane.live.tick()
    assert sum(counts.units for counts in plane.live.store.pending("e").values()) == 100
    assert plane.live.keeper.beyond["e"] == 200


def test_an_epoch_draws_every_unit_anew_and_holds_in_between(opened: Open, clock: Clock) -> None:
    clock.at = 86400.0 * 20
    plane = opened(thompson("stickiness: epochs, epoch: 1d"))
    plane.start("e")
    first = {f"user-{n}": plane.call(f"user-{n}")[0] for n in range(1000)}
    plane.live.tick()
    plane.passes(3600)
    held = {unit: plane.call(unit)[0] for unit in first}
    assert [c.arm for c in first.values() if c] == [c.arm for c in held.values() if c]
    plane.passes(86400)
    plane.live.tick()
    anew = {unit: plane.call(unit)[0] for unit in first}
    changed = sum(a.arm != b.arm for a, b in zip(first.values(), anew.values(), strict=True) if a and b)
    assert 0.4 < changed / 1000 < 0.6
    assert {c.epoch for c in anew.values() if c} == {21}
    plane.live.tick()
    assert plane.live.store.counters("e").get("units_switched", 0) == 0
    assert sum(counts.units for counts in plane.live.store.pending("e").values()) == 2000


def test_a_contextual_mode_logs_the_probabilities_of_each_request(opened: Open) -> None:
    mode = "mode: {type: linear, features: [x], every: 10m}, unit: request"
    plane = opened(experiment(mode, EVEN))
    plane.start("e")
    route = plane.live.route("m")
    assert route is not None
    assert route.reads_body
    assert route.features == ("x",)
    for hour in range(3):
        sent = [plane.call(None, features={"x": float(n % 2)}) for n in range(300)]
        plane.live.tick()
        for n, (choice, _) in enumerate(sent):
            assert choice is not None
            assert choice.propensity == dict(choice.probabilities)[choice.arm]
            assert sum(p for _, p in choice.probabilities) == pytest.approx(1.0)
            assert choice.context == (float(n % 2),)
        plane.rewards(
            "e",
            {
                request: float((choice.arm == "new") == bool(n % 2))
                for n, (choice, request) in enumerate(sent)
                if choice
            },
        )
        plane.passes(3601)
        plane.live.tick()
        assert hour >= 0
    for_new, _ = plane.call(None, features={"x": 1.0})
    for_old, _ = plane.call(None, features={"x": 0.0})
    assert for_new is not None
    assert for_old is not None
    assert dict(for_new.probabilities)["new"] > dict(for_old.probabilities)["new"] + 0.15


def test_a_shadow_is_copied_and_never_answers(opened: Open) -> None:
    plane = opened(experiment("mode: {type: shadow, copies: 50%}", EVEN))
    plane.start("e")
    choices = [plane.call(f"user-{n}")[0] for n in range(1000)]
    assert {choice.arm for choice in choices if choice} == {"old"}
    copied = sum(bool(choice.shadows) for choice in choices if choice)
    assert 450 < copied < 550
    assert {arm for choice in choices if choice for arm, _ in choice.shadows} == {"new"}


def test_a_move_is_announced_so_that_replicas_change_together(opened: Open, document: Path) -> None:
    planes = [opened(experiment(), lead=5.0), opened(lead=5.0)]
    planes[0].start("e")
    planes[1].live.tick()
    before = [plane.call("u")[0].table for plane in planes]  # type: ignore[union-attr]
    document.write_text(experiment("share: 90%"))
    for plane in planes:
        plane.live.tick()
    assert [plane.call("u")[0].table for plane in planes] == before  # type: ignore[union-attr]
    assert all(plane.live.keeper.routes.then is not None for plane in planes)
    for plane in planes:
        plane.passes(5.0)
    assert all(plane.live.keeper.routes.then is None for plane in planes)
    tables = {
        choice.table for plane in planes for n in range(50) for choice, _ in [plane.call(f"v{n}")] if choice
    }
    assert tables == {before[0] + 1}


def test_a_renamed_arm_keeps_the_experiment_whole(opened: Open, document: Path) -> None:
    text = thompson()
    plane = opened(text)
    plane.start("e")
    let_the_new_arm_win(plane)
    document.write_text(text.replace("new:", "newer:"))
    plane.live.tick()
    plane.live.tick()
    _, shares = plane.live.keeper.world.shares_of("e")
    assert sum(shares.values()) == pytest.approx(1.0)
    assert shares["newer"] >= 0.05
    assert all(plane.call(f"u{n}")[0] for n in range(500))


@pytest.mark.parametrize("every", ["1h", "1m"], ids=["longer", "shorter"])
def test_an_interval_that_the_document_changes_goes_on(opened: Open, document: Path, every: str) -> None:
    text = thompson().replace("step: 20%", "step: 10%")
    plane = opened(text)
    plane.start("e")
    let_the_new_arm_win(plane)
    assert share_of_new(plane) == pytest.approx(0.6)
    document.write_text(text.replace("every: 10m", f"every: {every}"))
    plane.passes(1)
    shares = [share_of_new(plane)]
    for _ in range(2):
        plane.passes(3601)
        shares.append(share_of_new(plane))
    assert shares == pytest.approx([0.7, 0.8, 0.9])


def test_by_request_weights_move_and_nobody_is_remembered(opened: Open) -> None:
    plane = opened(thompson(rest="unit: request"))
    plane.start("e")
    requests = [plane.call(None) for _ in range(400)]
    plane.live.tick()
    plane.rewards("e", {request: float(choice.arm == "new") for choice, request in requests if choice})
    plane.passes(3601)
    plane.passes(601)
    new = [plane.call(None)[0] for _ in range(1000)]
    assert 0.87 < sum(choice.arm == "new" for choice in new if choice) / 1000 < 0.93
    assert plane.live.keeper.memories == {}


def test_a_stopped_experiment_still_counts_and_moves_no_weights(opened: Open) -> None:
    plane = opened(thompson())
    plane.start("e")
    requests = [plane.call(f"user-{n}") for n in range(200)]
    plane.live.tick()
    plane.phase("e", Phase.STOPPED)
    plane.rewards("e", {request: float(choice.arm == "new") for choice, request in requests if choice})
    plane.passes(3601)
    plane.live.tick()
    assert plane.live.keeper.results["e"].evidence.closed == 200
    assert plane.live.keeper.results["e"].allocation.number == -1
