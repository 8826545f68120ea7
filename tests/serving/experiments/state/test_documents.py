from __future__ import annotations

import threading

import pytest

from serving.experiments.state.store import Store
from tests.serving.experiments.state.conftest import Clock, Opener


def test_a_document_is_written_only_over_the_version_that_was_read(store: Store) -> None:
    assert store.read("table/default") is None
    assert store.write("table/default", {"slots": [1, 2]}, 0)
    assert not store.write("table/default", {"slots": []}, 0)
    assert store.read("table/default") == (1, {"slots": [1, 2]})
    assert store.write("table/default", {"slots": [3]}, 1)
    assert not store.write("table/default", {"slots": [4]}, 1)
    assert store.read("table/default") == (2, {"slots": [3]})
    assert not store.write("other", {}, 5)


def test_of_many_writers_exactly_one_wins_each_version(store: Store, opener: Opener) -> None:
    store.write("allocation/e", {"sum": 0}, 0)

    def add(replica: Store) -> None:
        for _ in range(20):
            while True:
                found = replica.read("allocation/e")
                assert found is not None
                if replica.write("allocation/e", {"sum": found[1]["sum"] + 1}, found[0]):
                    break

    threads = [threading.Thread(target=add, args=(opener(),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.read("allocation/e") == (61, {"sum": 60})


def test_what_is_no_json_is_refused_and_nothing_is_written(store: Store) -> None:
    with pytest.raises(ValueError, match="JSON"):
        store.write("d", {"x": float("nan")}, 0)
    assert store.read("d") is None
    assert store.write("d", {"x": 1}, 0)


def test_events_are_numbered_and_the_latest_are_read_in_order(store: Store, clock: Clock) -> None:
    for n in range(5):
        clock.at += 1
        store.event("e" if n % 2 else "f", "ramped", f"event {n}", {"n": n})
    assert [event.text for event in store.events()] == [f"event {n}" for n in range(5)]
    assert [event.text for event in store.events(limit=2)] == ["event 3", "event 4"]
    (last,) = store.events("e", after=2)
    assert (last.number, last.at, last.kind, last.detail) == (4, clock.at - 1, "ramped", {"n": 3})


def test_everything_is_there_after_it_was_closed_and_opened(
    opener: Opener, store: Store, clock: Clock
) -> None:
    store.write("d", {"x": 1}, 0)
    store.event("e", "started", "It began.")
    store.close()
    again = opener(clock)
    assert again.read("d") == (1, {"x": 1})
    assert list(again.declared()) == ["e"]
    assert len(again.events()) == 1


def test_without_a_double_the_clock_is_that_of_the_stores_machine(opener: Opener) -> None:
    import time

    before = time.time()
    assert before - 1 < opener().now() < time.time() + 1
