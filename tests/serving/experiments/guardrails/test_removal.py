"""Removal: kept in the state with its reason, told once, undone by a person alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from serving.codes import Code
from serving.experiments.guardrails.comparison import guardrails_report
from serving.experiments.guardrails.missing import take_closed, with_missing
from serving.experiments.state.lifecycle import read_lifecycle
from serving.experiments.state.store import Matured, StoreAwayError
from serving.experiments.statistics.design import Design
from serving.experiments.statistics.evidence import Evidence

if TYPE_CHECKING:
    from tests.serving.experiments.guardrails.conftest import Watch, Watcher


def fail(watch: Watch, count: int = 6, arm: str = "new") -> dict[str, str]:
    return watch.take(*(watch.answer(arm, Code.INTERNAL) for _ in range(count)))


def test_the_reason_is_kept_and_told_once_however_many_replicas_see_it(watcher: Watcher) -> None:
    one, other = watcher(), watcher()
    other.guardrails.take([other.answer("new", Code.UNAVAILABLE) for _ in range(9)])
    fail(one)
    other.tick()
    reason = read_lifecycle(one.store, "exam").out["new"].reason
    assert reason == "6 failures in a row, the last: INTERNAL"
    alerts = one.heard.alerts + other.heard.alerts
    assert [(alert["kind"], alert["arm"], alert["reason"]) for alert in alerts] == [
        ("arm_removed", "new", reason)
    ]
    events = one.store.events("exam")
    assert [event.text for event in events] == [f"arm new was taken out: {reason}"]


def test_an_arm_that_is_out_stays_out_over_a_restart_and_whatever_it_answers(watcher: Watcher) -> None:
    fail(watcher())
    again = watcher()
    assert "new" in again.take(*(again.answer("new") for _ in range(1000)))
    assert again.heard.alerts == []


def test_an_arm_that_a_person_let_in_begins_anew(watcher: Watcher) -> None:
    watch = watcher(failures_in_a_row=None)
    answers = [watch.answer("new", Code.INTERNAL) for _ in range(200)]
    assert "new" in watch.take(*answers, *(watch.answer("old") for _ in range(200)))
    watch.readmit("new")
    assert watch.take(*(watch.answer(arm) for _ in range(200) for arm in ("new", "old"))) == {}
    assert watch.guardrails.to_json()["new"]["errors"]["bad"] == [0, 0]
    answers = [watch.answer("new", Code.INTERNAL) for _ in range(200)]
    assert "new" in watch.take(*answers, *(watch.answer("old") for _ in range(200)))


def test_one_replica_that_has_not_heard_of_a_removal_does_not_undo_it(watcher: Watcher) -> None:
    one, other = (watcher(failures_in_a_row=None, by_request=True) for _ in range(2))
    before = read_lifecycle(other.store, "exam")
    one.take(
        *(one.answer(arm, Code.INTERNAL if arm == "new" else 0) for _ in range(300) for arm in ("old", "new"))
    )
    other.guardrails.take([other.answer("old")])
    other.guardrails.check(before)
    other.now += 2
    other.guardrails.check(before)
    assert "new" in read_lifecycle(other.store, "exam").out
    assert guardrails_report(other.store, "exam")["new"]["errors"]["bad"][1] > 0


def test_an_arm_is_out_in_this_process_while_the_state_is_away(
    watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = watcher()
    life = read_lifecycle(watch.store, "exam")

    def away(*_: object) -> None:
        raise StoreAwayError("state", expected="an answer", seen="none", remedy="start the database")

    watch.guardrails.take([watch.answer("new", Code.INTERNAL) for _ in range(6)])
    with monkeypatch.context() as patch:
        patch.setattr(watch.store, "read", away)
        with pytest.raises(StoreAwayError):
            watch.guardrails.check(life)
        assert set(watch.guardrails.pending) == {"new"}
    watch.guardrails.check(life)
    assert "new" in read_lifecycle(watch.store, "exam").out
    assert watch.guardrails.pending == {}


def row(arm: str, reward: float | None) -> Matured:
    return Matured("k", arm, 0.5, {}, 1, 0, 0.0, None, reward)


def test_missing_rewards_of_an_arm_that_is_out_count_as_failures_and_of_others_not() -> None:
    rows = [row("new", None), row("new", 1.0), row("old", None)]
    found, counts = with_missing(rows, {"new"})
    assert [one.reward for one in found] == [0.0, 1.0, None]
    assert counts == {"new": 1}


def test_where_lower_is_better_a_failure_is_one_and_for_numbers_nothing_is_known() -> None:
    assert with_missing([row("new", None)], {"new"}, lower_is_better=True)[0][0].reward == 1.0
    found, counts = with_missing([row("new", None)], {"new"}, binary=False, lower_is_better=True)
    assert found[0].reward is None
    assert counts == {}


def test_leaving_missing_rewards_out_would_flatter_the_arm_that_was_removed() -> None:
    """Known truth: 30% earn in control; the arm answers half of its units, of which 40% earn, and drives the others away."""
    rows = [row("new", float(at % 5 < 2)) if at % 2 else row("new", None) for at in range(1000)]
    told = [one.reward for one in rows if one.reward is not None]
    counted = [one.reward or 0.0 for one in with_missing(rows, {"new"})[0]]
    assert sum(told) / len(told) > 0.3 > sum(counted) / len(counted)


def test_evidence_counts_them_as_failures_and_still_says_how_many_are_missing() -> None:
    evidence = Evidence(Design(("old", "new"), "old", missing_fails=False))
    units = take_closed(evidence, [row("new", None), row("new", 1.0), row("old", None)], {"new"})
    assert [unit.reward for unit in units] == [0.0, 1.0, None]
    assert (evidence.means["new"].values.count, evidence.means["new"].values.mean) == (2, 0.5)
    assert evidence.missing == {"old": 1, "new": 1}
