"""Requests over time add up, whatever the number of replicas and the order."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from serving.experiments.contract import Choice, Outcome, Target
from serving.experiments.page.traffic import FINEST, MOST, TrafficHistory, added, traffic_key, traffic_view
from serving.experiments.state.sqlite import SqliteStore

CELLS = st.dictionaries(
    st.tuples(st.integers(0, 10**6).map(lambda n: n * FINEST), st.sampled_from(["old", "new"])),
    st.integers(1, 5),
    min_size=1,
    max_size=30,
)


@given(st.lists(CELLS, min_size=1, max_size=5))
def test_no_request_is_lost_and_the_picture_stays_small(parts: list[dict[tuple[int, str], int]]) -> None:
    document: dict[str, object] = {}
    for part in parts:
        document = added(document, Counter(part))
    counts = document["counts"]
    assert isinstance(counts, dict)
    for arm in ("old", "new"):
        meant = sum(n for part in parts for (_, a), n in part.items() if a == arm)
        assert sum(counts.get(arm, [])) == meant
    assert all(len(series) <= MOST for series in counts.values())
    assert document["first"] <= min(moment for part in parts for moment, _ in part)


def outcome(began: float) -> Outcome:
    return Outcome("r", "rest", "predict", began, 0.001, 0, b"", b"")


def test_replicas_add_to_the_same_history(tmp_path: Path) -> None:
    choice = Choice("e", "old", Target("m"), 0.5, b"", "d", 1)
    for _ in range(2):
        store = SqliteStore(tmp_path / "state.db")
        history = TrafficHistory(store)
        history.take([(choice, outcome(1000.0)), (choice, outcome(1011.0))])
        history.close()
        store.close()
    store = SqliteStore(tmp_path / "state.db")
    found = store.read(traffic_key("e"))
    assert found is not None
    view = traffic_view(found[1], 5000.0)
    store.close()
    assert view is not None
    assert (view.times, view.counts) == ([1000.0, 1010.0], {"old": [2, 2]})


def test_an_interval_that_is_not_over_is_not_shown() -> None:
    document = added({}, Counter({(1000, "old"): 3, (1010, "old"): 1}))
    view = traffic_view(document, 1012.0)
    assert view is not None
    assert view.counts == {"old": [3]}
    assert traffic_view(None, 0.0) is None
