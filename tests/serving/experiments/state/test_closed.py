"""How many windows have closed since a moment: what a count of new labels rests on."""

from __future__ import annotations

from serving.experiments.state.store import Counts, Rules, Store
from tests.serving.experiments.state.conftest import Clock, by_request, by_unit, exposure


def test_a_unit_counts_from_the_moment_at_which_its_window_closes(store: Store, clock: Clock) -> None:
    begun = clock.at
    store.expose([exposure("early")])
    clock.at += 50
    store.expose([exposure("late")])
    clock.at = begun + 99
    assert store.closed_since("e", 0) == Counts()
    clock.at = begun + 100
    assert store.closed_since("e", 0) == Counts(1, 1)
    clock.at = begun + 150
    assert store.closed_since("e", 0) == Counts(2, 2)
    assert store.closed_since("e", begun + 99) == Counts(2, 2)
    assert store.closed_since("e", begun + 100) == Counts(1, 1)
    assert store.closed_since("e", begun + 150) == Counts()


def test_a_reward_counts_once_and_only_in_time(store: Store, clock: Clock) -> None:
    store.expose([exposure(unit) for unit in "abcd"])
    store.reward([by_unit("a"), by_unit("a"), by_request("r-a", 0.0), by_unit("b", 0.0), by_unit("stranger")])
    clock.at += 100
    store.reward([by_unit("c")])
    assert store.closed_since("e", 0) == Counts(4, 4, 2)


def test_counting_takes_nothing_from_whoever_evaluates(store: Store, clock: Clock) -> None:
    store.expose([exposure("a")])
    clock.at += 100
    store.closed_since("e", 0)
    assert [unit.key for unit in store.matured("e", 0)[0]] == ["a"]
    assert store.closed_since("e", 0) == Counts(1, 1)


def test_other_experiments_and_their_metrics_do_not_count(store: Store, clock: Clock) -> None:
    assert store.closed_since("unknown", 0) == Counts()
    store.declare("f", Rules("paid", window=10.0))
    store.expose([exposure("a")])
    clock.at += 100
    assert store.closed_since("f", 0) == Counts()
