from __future__ import annotations

import threading

from serving.experiments.state.store import Receipt, Reward, Rules, Status, Store
from tests.serving.experiments.state.conftest import (
    RULES,
    Clock,
    Opener,
    by_request,
    by_unit,
    exposure,
)


def statuses(receipts: list[Receipt]) -> list[str]:
    return [receipt.status.value for receipt in receipts]


def test_a_reward_finds_its_unit_by_any_of_its_requests(store: Store) -> None:
    store.expose([exposure("u", request="a"), exposure("u", request="b"), exposure("v", request="c")])
    assert store.reward([by_request("b")]) == [Receipt(Status.ACCEPTED, "e", 1.0)]
    assert statuses(store.reward([by_request("a"), by_unit("u"), by_unit("v", 0.0)])) == [
        "repeated",
        "repeated",
        "accepted",
    ]
    assert store.pending("e")["new"].rewarded == 2


def test_the_first_value_counts_and_another_is_reported(store: Store, clock: Clock) -> None:
    store.expose([exposure("u")])
    receipts = store.reward([by_unit("u", 1.0), by_unit("u", 0.0), by_unit("u", 1.0)])
    assert statuses(receipts) == ["accepted", "conflicting", "repeated"]
    assert receipts[1].value == 1.0
    clock.at += 100
    (unit,), _ = store.matured("e", 0)
    assert unit.reward == 1.0
    assert store.counters("e") == {"accepted": 1, "conflicting": 1, "repeated": 1}


def test_the_last_value_counts_where_that_is_declared(store: Store, clock: Clock) -> None:
    store.declare("e", Rules("retained", 100.0, repeated="last"))
    store.expose([exposure("u")])
    assert statuses(store.reward([by_unit("u", 1.0), by_unit("u", 0.0)])) == ["accepted", "replaced"]
    clock.at += 100
    (unit,), _ = store.matured("e", 0)
    assert (unit.reward, store.pending("e")["new"].rewarded) == (0.0, 1)


def test_a_reward_is_late_from_the_moment_the_window_closes(store: Store, clock: Clock) -> None:
    store.expose([exposure("u"), exposure("v")])
    clock.at += 99.9
    assert statuses(store.reward([by_unit("u")])) == ["accepted"]
    clock.at += 0.1
    late = store.reward([by_unit("v"), by_unit("u"), by_unit("u", 0.0)])
    assert statuses(late) == ["late", "repeated", "late"]
    assert [unit.reward for unit in store.matured("e", 0)[0]] == [1.0, None]


def test_a_unit_that_was_evaluated_takes_no_reward_even_if_the_window_grows_or_the_clock_goes_back(
    store: Store, clock: Clock
) -> None:
    store.expose([exposure("u")])
    clock.at += 100
    assert len(store.matured("e", 0)[0]) == 1
    clock.at -= 60
    assert statuses(store.reward([by_unit("u")])) == ["late"]
    store.declare("e", Rules("retained", 10_000.0))
    assert statuses(store.reward([by_unit("u")])) == ["late"]


def test_unknown_units_experiments_and_metrics_get_a_clear_answer(store: Store) -> None:
    store.expose([exposure("u")])
    rewards = [by_unit("w"), by_request("nobody"), Reward("f", "retained", 1.0, key="u")]
    assert statuses(store.reward(rewards)) == ["unknown"] * 3
    assert statuses(store.reward([Reward("e", "clicks", 1.0, key="u")])) == ["refused"]
    assert store.counters("e")["unknown"] == 2


def test_a_request_without_a_unit_is_a_unit_of_its_own(store: Store) -> None:
    store.expose([exposure("a", request="a"), exposure("b", request="b"), exposure("u", request="c")])
    assert statuses(store.reward([by_request("a"), by_unit("a"), by_request("d"), by_request("u")])) == [
        "accepted",
        "repeated",
        "unknown",
        "unknown",
    ]


def test_a_thousand_rewards_for_ten_units_count_ten_times(store: Store) -> None:
    store.expose([exposure(f"u{n}", request=f"r{n}") for n in range(10)])
    receipts = store.reward([by_request(f"r{n % 10}") for n in range(1000)])
    assert statuses(receipts).count("accepted") == 10
    assert store.counters("e") == {"accepted": 10, "repeated": 990}


def test_a_batch_of_more_ids_than_one_statement_lists(store: Store) -> None:
    store.expose([exposure(f"u{n}") for n in range(1500)])
    receipts = store.reward([by_unit(f"u{n}", n % 2) for n in range(1500)] + [by_unit("w")])
    assert statuses(receipts) == ["accepted"] * 1500 + ["unknown"]


def test_two_replicas_that_report_the_same_rewards_count_each_once(
    opener: Opener, store: Store, clock: Clock
) -> None:
    store.expose([exposure(f"u{n}") for n in range(100)])
    stores = [opener(clock), opener(clock)]
    receipts: list[Receipt] = []

    def report(one: Store) -> None:
        for _ in range(5):
            receipts.extend(one.reward([by_unit(f"u{n}") for n in range(100)]))

    threads = [threading.Thread(target=report, args=(one,)) for one in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = statuses(receipts)
    assert (found.count("accepted"), found.count("repeated")) == (100, 900)
    assert store.pending("e")["new"].rewarded == 100


def test_rules_hold_for_all_replicas(opener: Opener, store: Store, clock: Clock) -> None:
    other = opener(clock)
    other.declare("e", Rules("retained", 100.0, repeated="last"))
    store.expose([exposure("u")])
    assert statuses(store.reward([by_unit("u", 1.0), by_unit("u", 0.0)])) == ["accepted", "replaced"]
    assert other.declared() == store.declared()
    assert RULES not in store.declared().values()
