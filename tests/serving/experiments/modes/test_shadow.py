"""Shadow copies: what differs from the originals is counted, whatever comes first, and whatever is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from serving.experiments.contract import Choice, Outcome, Target
from serving.experiments.modes.shadow_comparison import ShadowComparison, ShadowSums, shadow_report
from serving.experiments.state.sqlite import SqliteStore

CHOICE = Choice("exam", "old", Target("m"), 1.0, b"u", "d", 1, shadows=(("new", Target("m", 2)),))


class Clock:
    """A test double of time."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def answer(request: str, value: object, code: int = 0, seconds: float = 0.01) -> Outcome:
    body = json.dumps({"predictions": [value]}).encode()
    return Outcome(request, "rest", "predict", 0.0, seconds, code, b"", b"" if code else body)


def compared(original: Any, copy: Any, tolerance: float = 1e-5) -> ShadowSums:
    """Returns what comes of one pair."""
    comparison = ShadowComparison("exam", tolerance)
    one = original if isinstance(original, Outcome) else answer("r", original)
    other = copy if isinstance(copy, Outcome) else answer("r", copy)
    comparison.take([(CHOICE, one)], [(CHOICE, "new", other)])
    return comparison.new["new"]


@pytest.mark.parametrize(
    ("original", "copy", "equal"),
    [
        (0.5, 0.5, True),
        (0.5, 0.500001, True),
        (1e6, 1e6 + 1, True),
        (0.5, 0.51, False),
        (float("nan"), float("nan"), True),
        (float("nan"), 0.5, False),
        (float("inf"), 0.5, False),
        ([0.1, 0.9], [0.1, 0.9], True),
        ([0.1, 0.9], [0.1], False),
        ({"a": 1.0}, {"b": 1.0}, False),
        ({"a": 1.0, "b": "x"}, {"a": 1.0, "b": "y"}, False),
        ("x", 1.0, False),
        (None, None, True),
    ],
    ids=str,
)  # fmt: skip
def test_answers_are_equal_up_to_the_tolerance(original: Any, copy: Any, equal: bool) -> None:
    sums = compared(original, copy)
    assert (sums.compared, sums.equal) == (1, int(equal))


def test_differences_of_numbers_are_measured() -> None:
    sums = compared({"a": [1.0, 2.0], "b": 5.0}, {"a": [1.5, 2.0], "b": 4.0})
    report = sums.report()
    assert report["largest_difference"] == 1.0
    assert report["mean_difference"] == 0.5
    assert report["equal_share"] == 0.0


def test_another_class_in_front_is_counted() -> None:
    assert compared([0.6, 0.4], [0.4, 0.6]).report()["other_class_share"] == 1.0
    assert compared([0.6, 0.4], [0.9, 0.1]).report()["other_class_share"] == 0.0


def test_classifications_are_compared_by_their_label() -> None:
    def said(*pairs: tuple[str, float]) -> Outcome:
        body = json.dumps({"results": [[list(pair) for pair in pairs]]}).encode()
        return Outcome("r", "rest", "classify", 0.0, 0.01, 0, b"", body)

    turned = compared(said(("a", 0.6), ("b", 0.4)), said(("b", 0.4), ("a", 0.6)))
    assert turned.report()["other_class_share"] == 0.0
    assert (
        compared(said(("a", 0.6), ("b", 0.4)), said(("a", 0.4), ("b", 0.6))).report()["other_class_share"]
        == 1.0
    )


@pytest.mark.parametrize(
    ("original", "copy", "field"),
    [(0, 13, "failed"), (13, 0, "cured"), (13, 14, "both_failed")],
    ids=["copy", "original", "both"],
)
def test_errors_of_either_are_counted_apart(original: int, copy: int, field: str) -> None:
    sums = compared(answer("r", 1.0, original), answer("r", 1.0, copy))
    assert {name: getattr(sums, name) for name in ("failed", "cured", "both_failed", "compared")} == {
        **dict.fromkeys(("failed", "cured", "both_failed", "compared"), 0),
        field: 1,
    }
    assert sums.codes == ({str(copy): 1} if copy else {})


def test_latencies_stand_beside_each_other() -> None:
    report = compared(answer("r", 1.0, seconds=0.010), answer("r", 1.0, seconds=0.045)).report()
    assert report["mean_ms"] == pytest.approx([10, 45])
    assert report["slower_share"] == 1.0
    for said, true in zip(report["p99_ms"], (10, 45), strict=True):
        assert true <= said <= 2 * true


def test_a_copy_may_come_first_and_one_that_never_comes_is_lost() -> None:
    clock = Clock()
    comparison = ShadowComparison("exam", 0, clock)
    comparison.take([], [(CHOICE, "new", answer("a", 1.0))])
    comparison.take([(CHOICE, answer("a", 1.0)), (CHOICE, answer("b", 1.0))], [])
    assert comparison.new["new"].equal == 1
    clock.now = 61
    comparison.take([], [])
    assert comparison.new["new"].lost == 1


def test_memory_is_bounded_when_copies_never_come() -> None:
    comparison = ShadowComparison("exam", 0)
    comparison.take([(CHOICE, answer(str(at), 1.0)) for at in range(20_000)], [])
    assert comparison.new["new"].lost == 15_000
    large = Outcome("x", "grpc", "predict", 0.0, 0.01, 0, b"", bytes(40 << 20))
    comparison.take([(CHOICE, large), (CHOICE, answer("y", 1.0)), (CHOICE, Outcome("z", *_rest(large)))], [])
    assert comparison._bytes <= 64 << 20


def _rest(outcome: Outcome) -> tuple[Any, ...]:
    return ("grpc", "predict", 0.0, 0.01, 0, b"", outcome.response)


def test_of_very_many_pairs_only_some_are_looked_into() -> None:
    comparison = ShadowComparison("exam", 0)
    pairs = [answer(str(at), 1.0) for at in range(1000)]
    comparison.take([(CHOICE, one) for one in pairs], [(CHOICE, "new", one) for one in pairs])
    sums = comparison.new["new"]
    assert (sums.pairs, sums.compared, sums.skipped) == (1000, 200, 800)


def test_replicas_add_up_in_the_state(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "experiments.db")
    for copy in (1.0, 3.0):
        comparison = ShadowComparison("exam", 0)
        comparison.take([(CHOICE, answer("r", 1.0))], [(CHOICE, "new", answer("r", copy))])
        comparison.add_to(store)
        comparison.add_to(store)
    report = shadow_report(store, "exam")["new"]
    assert (report["pairs"], report["equal_share"], report["largest_difference"]) == (2, 0.5, 2.0)
    store.close()


def test_answers_of_other_experiments_are_none_of_its_business() -> None:
    comparison = ShadowComparison("other", 0)
    comparison.take([(CHOICE, answer("r", 1.0))], [(CHOICE, "new", answer("r", 1.0))])
    assert comparison.new == {}
