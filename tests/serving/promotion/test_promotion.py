"""An experiment ends: the label moves, the state says so, and only what the verdict says is done."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from foundation.errors import MetadataError, PenstockError, SpecError
from serving.experiments.control.actions import Asked
from serving.experiments.document.reader import parse_document
from serving.experiments.guardrails.alerts import Alerts
from serving.experiments.state.lifecycle import Phase, change, read_lifecycle
from serving.experiments.state.sqlite import SqliteStore
from serving.experiments.statistics.verdict import Verdict
from serving.promotion import promotion as promoting
from serving.promotion.move import PromotionError
from serving.promotion.promotion import LabelPromoter
from serving.promotion.records import Transition
from tests.serving.promotion.doubles import Double, config

DOCUMENT = """
backends:
  main: {{grpc: 127.0.0.1:1, models: main.config}}
  far: {{grpc: 127.0.0.1:2, models: far.config}}
experiments:
  exam:
    model: m
    control: old
    arms: {{old: {old}, new: {new}}}
"""
WIN = Verdict("promote", "new", "promote new: it earns more", "nothing")
WAIT = Verdict("wait", "old", "wait for 500 more units", "more units")


@dataclass
class Stage:
    """An experiment that runs, on a real SQLite state and on doubles of servers."""

    folder: Path
    asked: Asked
    servers: dict[str, Double]
    verdict: Verdict = WIN
    recorded: list[Transition] = field(default_factory=list)
    alerts: list[Any] = field(default_factory=list)

    def promoter(self) -> LabelPromoter:
        heard = Alerts(None)
        heard.send = self.alerts.append  # type: ignore[method-assign, assignment]
        return LabelPromoter(self.folder, lambda _: self.verdict, self.record, heard)

    def record(self, transition: Transition) -> str:
        self.recorded.append(transition)
        return "recorded"

    def labels(self) -> list[int | None]:
        return [server.labels.get("stable") for server in self.servers.values()]

    @property
    def life(self) -> tuple[Phase, str]:
        life = read_lifecycle(self.asked.store, "exam")
        return life.phase, life.arm


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    store = SqliteStore(tmp_path / "experiments.db")

    def make(
        old: str = "{label: stable}", new: str = "{label: canary}", phase: Phase = Phase.RUNNING
    ) -> Stage:
        servers = {name: Double(name, tmp_path / f"{name}.config") for name in ("main", "far")}
        monkeypatch.setattr(promoting, "connected", lambda document, folder: contextlib.nullcontext(servers))
        change(store, "exam", lambda life: life.moved_to(phase, store.now()))
        document = parse_document(DOCUMENT.format(old=old, new=new), "experiments.yaml")
        return Stage(tmp_path, Asked(store, document, "exam", "ada@desk"), servers)

    yield make
    store.close()


def test_the_label_of_control_goes_to_the_arms_version_everywhere(stage: Any) -> None:
    on = stage()
    said = on.promoter().promote(on.asked)
    assert "Label stable of model m points at version 2 at main, far (it pointed at version 1)" in said
    assert on.labels() == [2, 2]
    assert on.life == (Phase.PROMOTED, "new")
    event = on.asked.store.events("exam")[-1]
    assert (event.kind, event.detail["before"], event.detail["version"]) == ("promoted", 1, 2)
    assert event.detail["who"] == "ada@desk"
    assert [(one.kind, one.version) for one in on.recorded] == [("promoted", 2)]
    assert [alert["kind"] for alert in on.alerts] == ["promoted"]


@pytest.mark.parametrize(
    "verdict",
    [WAIT, replace(WIN, arm="far"), Verdict("refuse", "", "the shares are wrong: 900 of 1000", ""), Verdict("keep", "old", "keep old", "")],
    ids=["wait", "another arm", "sample ratio", "keep"],
)  # fmt: skip
def test_another_verdict_is_respected_unless_a_person_overrules_it(stage: Any, verdict: Verdict) -> None:
    on = stage()
    on.verdict = verdict
    with pytest.raises(PromotionError, match="--anyway"):
        on.promoter().promote(on.asked, "new")
    assert on.labels() == [1, 1]
    assert on.life == (Phase.RUNNING, "")
    said = on.promoter().promote(on.asked, "new", anyway=True)
    assert f"although the verdict was: {verdict.sentence}" in said
    event = on.asked.store.events("exam")[-1]
    assert event.detail["anyway"] is True
    assert verdict.sentence in event.text


def test_if_a_server_refuses_the_experiment_goes_on(stage: Any) -> None:
    on = stage()
    on.servers["far"].refuses = 1
    with pytest.raises(PromotionError, match="all servers are as before"):
        on.promoter().promote(on.asked)
    assert on.labels() == [1, 1]
    assert on.life == (Phase.RUNNING, "")
    assert on.recorded == []
    on.promoter().promote(on.asked)
    assert on.labels() == [2, 2]


def test_a_promotion_that_was_cut_off_is_completed_and_rolled_back_to_where_it_began(
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = stage()
    with monkeypatch.context() as patch:
        patch.setattr(promoting, "change", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            on.promoter().promote(on.asked)
    assert on.labels() == [2, 2]
    on.promoter().promote(on.asked)
    assert on.life == (Phase.PROMOTED, "new")
    assert on.recorded[-1].before == 1
    on.promoter().rollback(on.asked)
    assert on.labels() == [1, 1]


def test_a_rollback_takes_the_label_back_everywhere(stage: Any) -> None:
    on = stage()
    on.promoter().promote(on.asked)
    said = on.promoter().rollback(on.asked)
    assert "Label stable points at version 1 again" in said
    assert on.labels() == [1, 1]
    assert [server.file.read_text() for server in on.servers.values()] == [config(stable=1, canary=2)] * 2
    assert on.life == (Phase.ROLLED_BACK, "old")
    assert [(one.kind, one.arm, one.version) for one in on.recorded[1:]] == [("rolled_back", "old", 1)]


def test_a_rollback_of_a_running_experiment_moves_no_label(stage: Any) -> None:
    on = stage()
    on.promoter().rollback(on.asked)
    assert on.life == (Phase.ROLLED_BACK, "old")
    assert [server.reloads for server in on.servers.values()] == [[], []]


def test_a_label_that_somebody_moved_since_is_rolled_back_only_anyway(stage: Any) -> None:
    on = stage()
    on.promoter().promote(on.asked)
    for server in on.servers.values():
        server.file.write_text(config(stable=3, canary=2))
        server.labels["stable"] = 3
    with pytest.raises(PromotionError, match="somebody else moved it"):
        on.promoter().rollback(on.asked)
    assert on.life == (Phase.PROMOTED, "new")
    on.promoter().rollback(on.asked, anyway=True)
    assert on.labels() == [1, 1]


def test_a_version_that_control_needs_again_must_be_loaded(stage: Any) -> None:
    on = stage()
    on.promoter().promote(on.asked)
    for server in on.servers.values():
        server.versions = (2, 3)
    with pytest.raises(PromotionError, match="version 1 loaded"):
        on.promoter().rollback(on.asked)
    assert on.labels() == [2, 2]


def test_version_arms_move_the_label_at_controls_version(stage: Any) -> None:
    on = stage(old="{version: 1}", new="{version: 3}")
    on.promoter().promote(on.asked)
    assert on.labels() == [3, 3]


def test_without_a_label_nothing_moves_and_it_is_said_who_gets_what(stage: Any) -> None:
    on = stage(old="{version: 3}", new="{version: 1}")
    said = on.promoter().promote(on.asked)
    assert "No label of model m was moved: the router sends its requests to version 1" in said
    assert "Requests that bypass the router get the newest version, 3" in said
    assert [server.reloads for server in on.servers.values()] == [[], []]
    assert on.life == (Phase.PROMOTED, "new")


def test_the_newest_version_is_what_servers_without_labels_give_anyway(stage: Any) -> None:
    on = stage(old="{version: 2, weight: 1}", new="{version: 3, weight: 1}")
    for server in on.servers.values():
        server.file.write_text(config())
        server.labels = {}
    assert "because it is the newest" in on.promoter().promote(on.asked)


def test_a_label_can_be_named_and_made(stage: Any) -> None:
    on = stage(old="{version: 3}", new="{version: 1}")
    on.promoter().promote(on.asked, label="live")
    assert on.servers["main"].labels["live"] == 1
    on.promoter().rollback(on.asked)
    assert "live" not in on.servers["main"].labels


def test_two_labels_at_controls_version_must_be_told_apart(stage: Any) -> None:
    on = stage(old="{version: 2}", new="{version: 3}")
    for server in on.servers.values():
        server.file.write_text(config(stable=2, canary=2))
        server.labels = {"stable": 2, "canary": 2}
    with pytest.raises(SpecError, match=r"canary, stable.*--label"):
        on.promoter().promote(on.asked)


def test_an_arm_on_another_model_moves_no_label_of_control(stage: Any) -> None:
    on = stage(new="{model: n}")
    with pytest.raises(PromotionError, match="the newest version of model n to answer"):
        on.promoter().promote(on.asked)


@pytest.mark.parametrize(
    ("arm", "phase", "message"),
    [
        ("old", Phase.RUNNING, "other than control"),
        ("nwe", Phase.RUNNING, "did you mean 'new'"),
        ("new", Phase.DRAFT, "seen: draft"),
        ("new", Phase.ROLLED_BACK, "seen: rolled back"),
    ],
    ids=["control", "unknown", "draft", "rolled back"],
)
def test_what_makes_no_sense_is_refused(stage: Any, arm: str, phase: Phase, message: str) -> None:
    on = stage(phase=phase)
    with pytest.raises(PenstockError, match=message):
        on.promoter().promote(on.asked, arm, anyway=True)


def test_lineage_that_does_not_answer_undoes_nothing_and_is_said(stage: Any) -> None:
    on = stage()

    def refuse(_: Transition) -> str:
        raise MetadataError("lineage", expected="a store", seen="none")

    on.record = refuse
    assert "It is not in the lineage: lineage; expected a store" in on.promoter().promote(on.asked)
    assert on.life == (Phase.PROMOTED, "new")
