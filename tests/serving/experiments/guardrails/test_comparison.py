"""The comparison with control: whose errors count, how replicas add up, and how often it is wrong."""

from __future__ import annotations

import importlib.util
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from serving.codes import Code
from serving.experiments.guardrails.bets import Bets
from serving.experiments.guardrails.comparison import spending

if TYPE_CHECKING:
    from types import ModuleType

    from tests.serving.experiments.guardrails.conftest import Watch, Watcher

SCRIPT = Path(__file__).resolve().parents[4] / "benchmarks" / "statistics" / "experiments_guardrails.py"


@pytest.fixture(scope="module")
def simulation() -> ModuleType:
    spec = importlib.util.spec_from_file_location("experiments_guardrails", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def mixed(watch: Watch, count: int, bad: dict[str, int], **given: object) -> dict[str, str]:
    """Answers ``count`` units of each arm, of which so many per hundred are bad."""
    answers = []
    for at in range(count):
        for arm in watch.shares:
            wrong = at % 100 < bad.get(arm, 0)
            answers.append(watch.answer(arm, **(given if wrong else {})))  # type: ignore[arg-type]
    return watch.take(*answers)


def test_more_errors_than_control_by_more_than_allowed_take_the_arm_out(watcher: Watcher) -> None:
    watch = watcher(failures_in_a_row=None, errors="2%")
    out = mixed(watch, 1000, {"new": 15, "old": 1}, code=Code.INTERNAL)
    assert out["new"].startswith(
        "errors in 15% of 1000 units, control 1% of 1000: more than 2% above control"
    )


def test_as_many_errors_as_control_do_not(watcher: Watcher) -> None:
    watch = watcher(failures_in_a_row=None, errors="2%")
    assert mixed(watch, 1000, {"new": 30, "old": 30}, code=Code.INTERNAL) == {}


def test_an_arm_that_refuses_what_control_takes_is_taken_out(watcher: Watcher) -> None:
    """A new signature: its INVALID_ARGUMENT is not the clients' fault, for control does not give it."""
    assert "errors" in mixed(watcher(), 100, {"new": 100}, code=Code.INVALID_ARGUMENT)["new"]


def test_a_cancelled_request_says_nothing_of_errors(watcher: Watcher) -> None:
    watch = watcher()
    assert mixed(watch, 500, {"new": 100}, code=Code.CANCELLED) == {}
    assert watch.guardrails.to_json()["new"]["errors"]["units"] == [500, 0]


def test_slow_answers_are_compared_by_their_share(watcher: Watcher) -> None:
    watch = watcher(slower_than={"ms": 50, "share": "1%"}, errors=None)
    out = mixed(watch, 1000, {"new": 10, "old": 1}, seconds=0.051)
    assert out["new"].startswith("answers slower than 50 ms in 10% of 1000 units, control 1%")
    fast = watcher(slower_than={"ms": 50, "share": "1%"}, errors=None)
    fast.readmit("new")
    assert mixed(fast, 1000, {"new": 10, "old": 1}, seconds=0.049) == {}


def test_a_client_that_leaves_after_long_has_seen_a_slow_answer(watcher: Watcher) -> None:
    watch = watcher(slower_than={"ms": 50, "share": "1%"}, errors=None)
    assert "slower" in mixed(watch, 1000, {"new": 20}, seconds=0.2, code=Code.CANCELLED)["new"]


def test_a_unit_counts_once_so_that_one_busy_client_decides_nothing(watcher: Watcher) -> None:
    watch = watcher(failures_in_a_row=None)
    answers = [watch.answer("new", Code.INTERNAL, unit="busy") for _ in range(2000)]
    assert watch.take(*answers, *(watch.answer("old") for _ in range(2000))) == {}
    assert watch.guardrails.to_json()["new"]["errors"]["units"] == [2000, 1]


def test_by_request_two_replicas_and_a_restart_see_what_one_process_sees(watcher: Watcher) -> None:
    settings: dict[str, Any] = {"failures_in_a_row": None, "errors": "5%", "by_request": True}
    one, other = watcher(**settings), watcher(**settings)
    other.numbers = iter(range(10**6, 2 * 10**6))
    for watch in (one, other):
        mixed(watch, 100, {"new": 8, "old": 3}, code=Code.INTERNAL)
    one.tick()
    restarted = watcher(**settings)
    restarted.tick()
    found = restarted.guardrails.to_json()["new"]["errors"]
    assert (found["units"], found["bad"]) == ([200, 200], [6, 16])


def test_units_that_come_to_two_replicas_do_not_count_twice(watcher: Watcher) -> None:
    """Each process has evidence of its own, and the second one needs more of it."""
    one, other = watcher(failures_in_a_row=None, errors="5%"), watcher(failures_in_a_row=None, errors="5%")
    for watch in (one, other):
        assert mixed(watch, 100, {"new": 8, "old": 3}, code=Code.INTERNAL) == {}
    found, same = (watch.guardrails.to_json()["new"]["errors"] for watch in (one, other))
    assert found["units"] == same["units"] == [100, 100]
    assert found["evidence"] == same["evidence"]
    assert found["needed"] < same["needed"]


def again(watch: Watch, units: int, bad: int, **given: Any) -> dict[str, str]:
    """Answers the same units once more; so many per hundred of the new arm's go badly."""
    watch.now += 2
    watch.tick()  # sees that it is another hour
    watch.numbers = iter(range(2 * units))
    return mixed(watch, units, {"new": bad}, **given)


@pytest.mark.parametrize("given", [{"code": Code.INTERNAL}, {"seconds": 0.2}], ids=["errors", "slow"])
def test_an_arm_that_goes_bad_when_all_units_were_seen_is_taken_out(watcher: Watcher, given: Any) -> None:
    watch = watcher(failures_in_a_row=None, slower_than={"ms": 50})
    for _ in range(5):
        assert again(watch, 400, 0) == {}
        watch.clock.at += 3600
    assert again(watch, 400, 10, **given)["new"].endswith("above control within this hour")


def test_within_an_hour_a_unit_counts_once(watcher: Watcher) -> None:
    watch = watcher(failures_in_a_row=None)
    again(watch, 400, 0)
    assert again(watch, 400, 50, code=Code.INTERNAL) == {}
    watch.clock.at += 3600
    assert "new" in again(watch, 400, 50, code=Code.INTERNAL)


def test_units_that_are_slow_in_every_hour_take_out_no_innocent_arm(simulation: ModuleType) -> None:
    """Their hours added up would: whoever has more of the slow units by chance would look slower each hour."""
    honest, added = simulation.same_units_each_hour(experiments=300, units=200, hours=24, alpha=0.05)
    assert honest <= 0.05
    assert added > 0.15


def test_what_alpha_is_divided_by_spends_it_once() -> None:
    shares = [math.exp(-spending(number)) for number in range(1, 200_000)]
    assert sum(shares) + 1 / (2.11 * math.log(200_000)) == pytest.approx(1, abs=0.001)


def test_another_limit_begins_anew(watcher: Watcher) -> None:
    mixed(watcher(errors="5%"), 100, {"new": 3}, code=Code.INTERNAL)
    other = watcher(errors="4%")
    other.take(other.answer("old"))
    assert other.guardrails.to_json()["new"]["errors"]["units"] == [1, 0]


def test_evidence_is_exact_in_json_and_adds_up() -> None:
    import json

    one, other, both = Bets(), Bets(), Bets()
    rng = np.random.default_rng(4)
    for at in range(400):
        row = (bool(rng.random() < 0.3), bool(rng.random() < 0.1), 0.3, 0.7, 0.01)
        row = (row[0], row[1], 0.3 if row[0] else 0.7, 0.7, 0.01)
        (one if at % 2 else other).add(*row)
        both.add(*row)
    assert one.plus(other).logs == pytest.approx(both.logs)
    assert one.plus(other).units == both.units
    assert Bets.from_json(json.loads(json.dumps(both.to_json()))) == both


def test_the_evidence_is_a_fair_bet_at_the_margin() -> None:
    """Its mean is 1 where the arm's rate exceeds control's by exactly the margin, whatever the weights."""
    q, p0, margin = 0.2, 0.1, 0.05
    outcomes = [
        (q * (p0 + margin), (True, True)), (q * (1 - p0 - margin), (True, False)),
        ((1 - q) * p0, (False, True)), ((1 - q) * (1 - p0), (False, False)),
    ]  # fmt: skip
    mean = 0.0
    for chance, (challenger, bad) in outcomes:
        bets = Bets()
        bets.add(challenger, bad, q if challenger else 1 - q, 1 - q, margin)
        mean += chance * math.exp(bets.log_evidence)
    assert mean == pytest.approx(1)


def test_false_alarms_are_as_rare_as_said_and_bad_arms_are_found(simulation: ModuleType) -> None:
    false = simulation.layer_two(0.1, 0.02, 0.03, margin=0.01, alpha=0.05, experiments=300, units=4000)
    assert false.share <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 300)
    found = simulation.layer_two(0.1, 0.01, 0.2, margin=0.01, alpha=0.01, experiments=100, units=4000)
    assert found.share == 1.0
    assert found.median < 600


def test_a_run_of_failures_is_as_rare_as_the_formula_says(simulation: ModuleType) -> None:
    share = simulation.layer_one(0.2, failures=5, requests=2000, experiments=400)
    expected = 1 - math.exp(-2000 * 0.8 * 0.2**5)
    assert share == pytest.approx(expected, abs=0.08)
