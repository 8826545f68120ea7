from __future__ import annotations

import threading

from serving.experiments.state.store import Assigned, Counts, Exposure, Matured, Rules, Store
from tests.serving.experiments.state.conftest import Clock, Opener, by_request, by_unit, exposure


def everything(store: Store, limit: int = 7) -> list[Matured]:
    found: list[Matured] = []
    cursor = 0
    while True:
        units, cursor = store.matured("e", cursor, limit)
        if not units:
            return found
        found += units


def test_a_unit_is_exposed_once_however_often_it_comes(store: Store, opener: Opener, clock: Clock) -> None:
    store.expose([exposure("u", request="a"), exposure("u", request="b")])
    clock.at += 50
    for replica in (store, opener(clock)):
        replica.expose([exposure("u", request="c")])
    assert store.pending("e") == {"new": Counts(units=1)}
    clock.at += 50
    (unit,), cursor = store.matured("e", 0)
    assert unit.at == clock.at - 100
    assert store.matured("e", cursor) == ([], cursor)


def test_what_was_known_at_the_exposure_comes_back_when_the_window_closes(store: Store, clock: Clock) -> None:
    chances = {"old": 0.9, "new": 0.1}
    store.expose([Exposure("e", "u", "a", "new", 0.1, 7, 3, chances, 0.25, (1.5, None))])
    store.reward([by_request("a", 0.0)])
    clock.at += 100
    (unit,), _ = store.matured("e", 0)
    assert unit == Matured("u", "new", 0.1, chances, 7, 3, clock.at - 100, 0.25, 0.0, (1.5, None))


def test_windows_close_in_the_order_of_exposure_whatever_the_page(store: Store, clock: Clock) -> None:
    for second in range(30):
        clock.at += 1
        store.expose([exposure(f"u{second:02}", "new" if second % 3 else "old")])
    clock.at += 90
    early = everything(store)
    assert [unit.key for unit in early] == [f"u{second:02}" for second in range(20)]
    clock.at += 10
    for limit in (1, 7, 1000):
        assert [unit.key for unit in everything(store, limit)] == [f"u{second:02}" for second in range(30)]


def test_readers_with_one_cursor_in_one_document_count_each_unit_once(
    store: Store, opener: Opener, clock: Clock
) -> None:
    store.expose([exposure(f"u{n}") for n in range(200)])
    clock.at += 100
    store.write("statistics/e", {"cursor": 0, "units": []}, 0)

    def evaluate(replica: Store) -> None:
        while True:
            found = replica.read("statistics/e")
            assert found is not None
            version, value = found
            units, cursor = replica.matured("e", value["cursor"], 9)
            if not units:
                return
            seen = value["units"] + [unit.key for unit in units]
            replica.write("statistics/e", {"cursor": cursor, "units": seen}, version)

    threads = [threading.Thread(target=evaluate, args=(opener(clock),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = store.read("statistics/e")
    assert found is not None
    assert sorted(found[1]["units"]) == sorted(f"u{n}" for n in range(200))


def test_rewards_and_evaluation_at_the_same_time_lose_no_accepted_reward(
    store: Store, opener: Opener, clock: Clock
) -> None:
    store.expose([exposure(f"u{n}") for n in range(150)])
    accepted: set[str] = set()
    evaluated: dict[str, float | None] = {}

    def report() -> None:
        replica = opener(clock)
        for n in range(150):
            clock.at += 100 / 125
            if replica.reward([by_unit(f"u{n}")])[0].status == "accepted":
                accepted.add(f"u{n}")

    def evaluate() -> None:
        replica, cursor = opener(clock), 0
        while len(evaluated) < 150:
            units, cursor = replica.matured("e", cursor, 20)
            evaluated.update({unit.key: unit.reward for unit in units})

    threads = [threading.Thread(target=report), threading.Thread(target=evaluate)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert accepted
    assert {unit for unit, reward in evaluated.items() if reward == 1.0} == accepted


def test_a_replica_whose_clock_is_behind_neither_turns_time_back_nor_changes_the_order(
    opener: Opener, clock: Clock
) -> None:
    slow = Clock(clock.at - 3600)
    right, behind = opener(clock), opener(slow)
    right.declare("e", Rules("retained", 100.0))
    right.expose([exposure("u")])
    behind.expose([exposure("v")])
    assert behind.now() >= clock.at
    clock.at += 100
    assert [unit.key for unit in everything(right)] == ["u", "v"]
    assert [unit.key for unit in everything(behind)] == ["u", "v"]


def test_closed_and_rewarded_units_are_counted_by_arm(store: Store, clock: Clock) -> None:
    store.expose([exposure("a", "old"), exposure("b", "new")])
    clock.at += 60
    store.expose([exposure("c", "new")])
    store.reward([by_unit("b"), by_unit("c", 0.0)])
    clock.at += 40
    expected = {"new": Counts(2, 1, 2), "old": Counts(1, 1, 0)}
    assert store.pending("e") == expected
    everything(store)
    assert store.pending("e") == expected
    assert expected["new"].pending == 1


def test_a_unit_that_comes_back_with_another_arm_keeps_its_first_and_is_counted(
    store: Store, opener: Opener, clock: Clock
) -> None:
    store.expose([exposure("u", "old"), exposure("v", "old")])
    for replica in (store, opener(clock)):
        for _ in range(3):
            replica.expose([exposure("u", "new"), exposure("v", "old")])
    assert store.counters("e")["units_switched"] == 2
    assert store.pending("e")["old"] == Counts(units=2)
    assert store.pending("e").get("new", Counts()) == Counts()


def test_each_epoch_exposes_a_unit_anew_and_a_reward_by_unit_is_of_the_latest(
    store: Store, clock: Clock
) -> None:
    store.expose([exposure("u", "old", "a")])
    clock.at += 10
    store.expose([exposure("u", "new", "b", epoch=1)])
    store.reward([by_unit("u", 1.0), by_request("a", 0.0)])
    clock.at += 100
    assert [(unit.arm, unit.epoch, unit.reward) for unit in everything(store)] == [
        ("old", 0, 0.0),
        ("new", 1, 1.0),
    ]
    assert "units_switched" not in store.counters("e")


def test_units_beyond_the_limit_are_counted_and_those_within_stay(store: Store) -> None:
    store.declare("e", Rules("retained", 100.0, most_units=3))
    store.expose([exposure(f"u{n}") for n in range(5)])
    store.expose([exposure("u0"), exposure("u7")])
    assert store.pending("e")["new"].units == 3
    assert store.counters("e")["units_beyond_limit"] == 3
    assert [receipt.status.value for receipt in store.reward([by_unit("u0"), by_unit("u7")])] == [
        "accepted",
        "unknown",
    ]


def test_exposures_of_an_experiment_nobody_declared_are_counted(store: Store) -> None:
    store.expose([Exposure("gone", "u", "r", "new", 0.5)])
    assert store.counters("gone") == {"undeclared": 1}
    assert (store.pending("gone"), store.matured("gone", 0)) == ({}, ([], 0))


def test_requests_are_forgotten_some_time_after_their_window_but_only_evaluated_ones(
    store: Store, clock: Clock
) -> None:
    store.declare("e", Rules("retained", 100.0, most_units=10))
    store.expose([exposure(f"r{n}", request=f"r{n}") for n in range(10)])
    store.reward([by_request("r0"), by_request("r9")])
    clock.at += 200
    assert store.prune("e", cursor=0, keep=50.0) == 0
    units, cursor = store.matured("e", 0, limit=6)
    assert store.prune("e", cursor, keep=150.0) == 0
    assert store.prune("e", cursor, keep=50.0) == 6
    assert [unit.key for unit in store.matured("e", cursor)[0]] == ["r6", "r7", "r8", "r9"]
    assert store.pending("e")["new"] == Counts(units=10, closed=10, rewarded=2)
    store.expose([exposure(f"s{n}", request=f"s{n}") for n in range(10)])
    assert store.counters("e")["units_beyond_limit"] == 4
    assert len(units) == 6


def test_units_are_remembered_so_that_none_counts_twice_and_only_their_requests_are_forgotten(
    store: Store, opener: Opener, clock: Clock
) -> None:
    store.expose([exposure("u", request="a")])
    clock.at += 200
    _, cursor = store.matured("e", 0)
    assert store.prune("e", cursor, keep=50.0) == 1
    opener(clock).expose([exposure("u", request="b")])
    assert store.pending("e")["new"].units == 1
    answers = store.reward([by_request("a"), by_request("b"), by_unit("u")])
    assert [receipt.status.value for receipt in answers] == ["unknown", "late", "late"]


def test_units_are_handed_out_once_each_as_soon_as_they_are_assigned(
    store: Store, opener: Opener, clock: Clock
) -> None:
    chances = {"old": 0.9, "new": 0.1}
    store.expose([Exposure("e", "u", "a", "new", 0.1, 7, 3, chances)])
    store.expose([exposure("u", "old"), exposure("v", "old")])
    reader = opener(clock)
    (first,), cursor = reader.assigned("e", 0, 1)
    assert first == Assigned("u", "new", 0.1, chances, 7, 3, clock.at)
    later, end = reader.assigned("e", cursor)
    # The unit came back in epoch 0, which is another assignment.
    assert [(unit.key, unit.arm, unit.epoch) for unit in later] == [("u", "old", 0), ("v", "old", 0)]
    assert reader.assigned("e", end) == ([], end)
    assert reader.assigned("unknown", 5) == ([], 5)


def test_units_of_one_batch_are_numbered_in_the_order_of_their_arrival(store: Store) -> None:
    arms = ["old", "new", "old", "old", "new", "far", "old"]
    store.expose([exposure(f"u{n}", arm) for n, arm in enumerate(arms)])
    units, _ = store.assigned("e", 0)
    assert [unit.arm for unit in units] == arms
