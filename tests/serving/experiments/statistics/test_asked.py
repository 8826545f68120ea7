"""``decide`` and ``estimate`` answer from the state: a real SQLite file, with windows that are open and rewards that are missing."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from foundation.errors import SpecError
from pipeline.cli.main import main
from serving.experiments.document.reader import parse_document
from serving.experiments.live.results import Results
from serving.experiments.log.config import LogConfig
from serving.experiments.log.log import PredictionLog
from serving.experiments.state.lifecycle import Lifecycle, Phase, change
from serving.experiments.state.open import rules_of
from serving.experiments.state.sqlite import SqliteStore
from serving.experiments.state.store import Exposure, Reward, Store
from serving.experiments.statistics import asked
from serving.experiments.statistics.asked import caught_up, design_in, verdict_of
from serving.experiments.statistics.off_policy import reading
from tests.serving.experiments.log.logged import choice, outcome

_DOCUMENT = """\
experiments:
  e:
    model: m
    control: old
    arms: {old: {version: 1, weight: 50%}, new: {version: 2, weight: 50%}}
    reward: {metric: good, type: binary, window: 100s}
    planned: {units: 4000}
"""
_SHARES = {"old": 0.5, "new": 0.5}


class Clock:
    """A test double of a machine's clock."""

    at = 1_000_000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """The state of experiment ``e``, on a clock that the test moves; the commands read it by the same clock."""
    (tmp_path / "experiments.yaml").write_text(_DOCUMENT)
    for module in (asked, reading):
        monkeypatch.setattr(
            module, "open_store", lambda config, folder: SqliteStore(folder / config.sqlite, clock)
        )
    made = SqliteStore(tmp_path / "experiments.db", clock)
    made.declare("e", rules_of(parse_document(_DOCUMENT, "d").experiments["e"].reward))
    yield made
    made.close()


def send(store: Store, clock: Clock, units: int, rates: dict[str, float], seed: int = 1) -> None:
    """Lets units come, ten every ten seconds; those with a reward of 1 report it."""
    rng, rewards = random.Random(seed), []
    for ten in range(0, units, 10):
        clock.at += 10
        arms = {f"{seed}-{ten + number}": rng.choice(("old", "new")) for number in range(10)}
        store.expose([Exposure("e", key, key, arm, 0.5, 1, 0, _SHARES) for key, arm in arms.items()])
        rewards += [
            Reward("e", "good", 1.0, key=key) for key, arm in arms.items() if rng.random() < rates[arm]
        ]
        if ten % 50 == 0 or ten + 10 >= units:
            store.reward(rewards)
            rewards.clear()


def test_only_closed_windows_count_and_the_verdict_says_what_is_pending(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    send(store, clock, 700, {"old": 0.2, "new": 0.4})
    document = parse_document(_DOCUMENT, "d")
    verdict = verdict_of(document, tmp_path, "e")
    assert (verdict.action, verdict.arm) == ("promote", "new")
    evidence = caught_up(store, "e", design_in(document, "e"))
    assert evidence.units() == 600
    assert evidence.assigned.units == 700


def test_the_answer_is_the_same_from_stored_results_and_from_the_units_themselves(
    store: Store, clock: Clock
) -> None:
    document = parse_document(_DOCUMENT, "d")
    design = design_in(document, "e")
    send(store, clock, 300, {"old": 0.3, "new": 0.3})
    afresh = caught_up(store, "e", design).to_json()
    results = Results("e", document.experiments["e"], store)
    while results.step(Lifecycle(), _SHARES, store.now()):
        pass
    assert caught_up(store, "e", design).to_json() == afresh
    send(store, clock, 200, {"old": 0.3, "new": 0.3}, seed=2)
    again = caught_up(store, "e", design)
    assert again.units() == 400
    assert again.assigned.units == 500


def test_the_command_says_one_sentence_and_what_would_change_it(
    store: Store,
    clock: Clock,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    send(store, clock, 400, {"old": 0.2, "new": 0.25})
    monkeypatch.chdir(tmp_path)
    assert main(["experiment", "decide", "e"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("e: wait:")
    assert "units more, about" in said[0]
    assert said[1].startswith("What would change it: ")
    assert main(["experiment", "decide", "e", "--json"]) == 0
    verdict = json.loads(capsys.readouterr().out)
    assert (verdict["action"], verdict["pending"], verdict["units"]) == ("wait", 100, 300)
    assert main(["experiment", "estimate", "e", "--policy", "new"]) == 0
    assert "would have earned per unit" in capsys.readouterr().out


def test_before_the_first_unit_it_says_to_wait_and_what_to_do(store: Store, tmp_path: Path) -> None:
    verdict = verdict_of(parse_document(_DOCUMENT, "d"), tmp_path, "e")
    assert (verdict.action, verdict.arm, verdict.more_units) == ("wait", "old", 4000)
    assert "'penstock experiment start e' begins it" in verdict.sentence
    change(store, "e", lambda life: life.moved_to(Phase.RUNNING, 1.0))
    assert "it runs; send traffic" in verdict_of(parse_document(_DOCUMENT, "d"), tmp_path, "e").sentence


def test_another_name_or_no_reward_is_said(tmp_path: Path) -> None:
    document = parse_document(_DOCUMENT, "d")
    with pytest.raises(SpecError, match="one of e"):
        verdict_of(document, tmp_path, "f")
    without = parse_document(_DOCUMENT.replace("    reward:", "    #"), "d")
    with pytest.raises(SpecError, match="add reward"):
        verdict_of(without, tmp_path, "e")


def test_a_policy_by_a_feature_reads_it_from_the_prediction_log(
    store: Store,
    clock: Clock,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "experiments.yaml").write_text(_DOCUMENT + "log: {directory: predictions}\n")
    (tmp_path / "policy.yaml").write_text("{feature: country, values: {DE: new}, otherwise: old}")
    rng, log = random.Random(7), PredictionLog(LogConfig(), tmp_path)
    exposed, answered, rewards = [], [], []
    for number in range(500):
        arm, country, key = rng.choice(("old", "new")), rng.choice(("DE", "FR")), f"{number:032x}"
        exposed.append(Exposure("e", key, f"r{number}", arm, 0.5, 1, 0, _SHARES))
        if rng.random() < (0.8 if (arm == "new") == (country == "DE") else 0.2):
            rewards.append(Reward("e", "good", 1.0, key=key))
        if number:  # the first one was never logged
            asked_for = choice(arm, "e", unit=bytes.fromhex(key), propensity=0.5, shadows=())
            answered.append((asked_for, outcome(number, inputs=[{"country": country}])))
    log.take(answered)
    store.expose(exposed)
    store.reward(rewards)
    log.close()
    clock.at += 200
    monkeypatch.chdir(tmp_path)
    assert main(["experiment", "estimate", "e", "--policy", "policy.yaml", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["units"], found["unlogged"]) == (499, 1)
    assert found["dr"]["low"] <= 0.8 <= found["dr"]["high"]
    assert main(["experiment", "estimate", "e", "--policy", "old=50%,new=50%"]) == 0
    (tmp_path / "policy.yaml").write_text("{feature: county, values: {DE: new}, otherwise: old}")
    assert main(["experiment", "estimate", "e", "--policy", "policy.yaml"]) == 2
    assert "expected one of country" in capsys.readouterr().err
