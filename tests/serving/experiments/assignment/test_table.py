"""A layer's slots: as few units move as the shares require, and layers are independent of each other."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.experiments.assignment.table import FREE, Owner, SlotTable, slot_counts
from serving.experiments.assignment.units import SLOTS, hashed, layer_key, point_of

Shares = dict[str, dict[str, float]]
EMPTY = SlotTable("salt")


@st.composite
def layers(draw: st.DrawFn) -> Shares:
    """Draws shares of a layer: up to three experiments with up to four arms, in steps of 0.01% and others."""
    experiments = draw(st.lists(st.sampled_from("efg"), max_size=3, unique=True))
    parts = draw(st.lists(st.integers(0, 1000), min_size=12, max_size=12))
    arms = {
        e: draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=4, unique=True)) for e in experiments
    }
    total = max(1, sum(parts)) * draw(st.sampled_from([1.0, 1.5, 10.0]))
    numbers = iter(parts)
    return {e: {arm: next(numbers) / total for arm in arms[e]} for e in experiments}


def fewest(before: SlotTable, after: Shares) -> int:
    """Returns the fewest slots that must change hands: what the falling owners have too much."""
    wanted = slot_counts(after)
    return sum(max(0, number - wanted.get(owner, 0)) for owner, number in before.counts.items())


@settings(max_examples=30, deadline=None)
@given(st.lists(layers(), min_size=2, max_size=3))
def test_every_change_moves_the_fewest_units_and_gives_each_arm_its_share(changes: list[Shares]) -> None:
    table = EMPTY
    for shares in changes:
        after = table.moved_to(shares)
        assert after.moved_from(table) == fewest(table, shares)
        assert {o: n for o, n in after.counts.items() if n} == {
            o: n for o, n in slot_counts(shares).items() if n
        }
        assert after.version == table.version + (after.slots != table.slots)
        table = after


@settings(max_examples=20, deadline=None)
@given(layers(), st.data())
def test_a_slot_only_moves_from_a_falling_to_a_rising_owner(shares: Shares, data: st.DataObject) -> None:
    before = EMPTY.moved_to(shares)
    after = before.moved_to(data.draw(layers()))
    for old, new in zip(before.slots, after.slots, strict=True):
        if old != new:
            assert after.counts[old] < before.counts[old]
            assert after.counts[new] > before.counts[new]


@pytest.mark.parametrize("steps", [(0.01, 0.05, 0.2, 0.5, 1.0), (0.1, 0.5, 0.1, 0.0)], ids=["up", "and down"])
def test_ramping_one_arm_never_moves_a_unit_between_two_others(steps: tuple[float, ...]) -> None:
    tables = [EMPTY.moved_to(ramped(new)) for new in steps[:1]]
    for new in steps[1:]:
        tables.append(tables[-1].moved_to(ramped(new)))
    for before, after in pairwise(tables):
        for old, new_owner in zip(before.slots, after.slots, strict=True):
            assert old == new_owner or ("e", "new") in (old, new_owner)


def ramped(new: float) -> Shares:
    return {"e": {"old": (1 - new) * 2 / 3, "other": (1 - new) / 3, "new": new}}


def test_going_back_gives_every_unit_its_former_arm() -> None:
    first = EMPTY.moved_to({"e": {"old": 0.9, "new": 0.1}})
    up = first.moved_to({"e": {"old": 0.5, "new": 0.5}})
    assert up.moved_to({"e": {"old": 0.9, "new": 0.1}}).slots == first.slots
    assert up.version == 2


@pytest.mark.parametrize(
    ("before", "after", "fewest"),
    [
        ((0.8, 0.1, 0.1), (0.7, 0.2, 0.1), 0.1),
        ((0.5, 0.3, 0.2), (0.5, 0.4, 0.1), 0.1),
        ((0.9, 0.05, 0.05), (0.6, 0.2, 0.2), 0.3),
    ],
)
def test_units_that_move_are_the_minimum_of_the_published_comparison(
    before: tuple[float, ...], after: tuple[float, ...], fewest: float
) -> None:
    """Cumulative intervals move .101, .100 and .350 of the units here, weighted rendezvous .110, .145 and .301."""
    tables = [EMPTY.moved_to({"e": dict(zip("abc", before, strict=True))})]
    tables.append(tables[0].moved_to({"e": dict(zip("abc", after, strict=True))}))
    assert tables[1].moved_from(tables[0]) / SLOTS == fewest
    units = [f"user-{n}" for n in range(50_000)]
    moved = sum(tables[0].slots[s] != tables[1].slots[s] for s in map(tables[0].slot, units)) / len(units)
    assert moved == pytest.approx(fewest, abs=0.006)


def test_an_experiment_that_grows_takes_free_units_and_leaves_the_other_alone() -> None:
    before = EMPTY.moved_to({"e": {"a": 0.2, "b": 0.2}, "f": {"a": 0.3}})
    after = before.moved_to({"e": {"a": 0.3, "b": 0.3}, "f": {"a": 0.3}})
    assert {old for old, new in zip(before.slots, after.slots, strict=True) if old != new} == {FREE}
    shrunk = after.moved_to({"e": {"a": 0.1, "b": 0.1}, "f": {"a": 0.8}})
    changed = [(old, new) for old, new in zip(after.slots, shrunk.slots, strict=True) if old != new]
    assert {new for _, new in changed} == {("f", "a")}
    assert {old for old, _ in changed} == {("e", "a"), ("e", "b"), FREE}


def test_a_renamed_arm_takes_over_the_units_of_the_old_name() -> None:
    before = EMPTY.moved_to({"e": {"old": 0.5, "new": 0.5}})
    after = before.moved_to({"e": {"old": 0.5, "newer": 0.5}})
    names: dict[Owner, Owner] = {("e", "new"): ("e", "newer")}
    assert after.slots == tuple(names.get(owner, owner) for owner in before.slots)


def test_shares_are_rounded_to_whole_slots_by_the_largest_remainder() -> None:
    counts = slot_counts({"e": {"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}})
    assert sorted(counts[("e", arm)] for arm in "abc") == [3333, 3333, 3334]
    assert slot_counts({"e": {"a": 0.07, "b": 0.03}})[("e", "a")] == 700
    with pytest.raises(ValueError, match="of 10000 slots"):
        slot_counts({"e": {"a": 0.6}, "f": {"a": 0.6}})


def test_a_table_survives_being_stored() -> None:
    table = EMPTY.moved_to({"e": {"a": 0.2, "b": 0.3}})
    assert SlotTable.from_json(json.loads(json.dumps(table.to_json()))) == table


@pytest.mark.parametrize(
    "damage", [{"slots": "AAAA"}, {"slots": "!"}, {"owners": []}, {"slots": 3}, {"version": None}]
)
def test_a_damaged_table_is_refused(damage: dict[str, object]) -> None:
    stored = EMPTY.moved_to({"e": {"a": 0.2}}).to_json() | damage
    with pytest.raises(ValueError, match="the stored slot table is damaged"):
        SlotTable.from_json(stored)


def test_units_fall_into_slots_uniformly() -> None:
    counts = [0] * 100
    for n in range(100_000):
        counts[EMPTY.slot(f"user-{n}") // 100] += 1
    assert chi_square([counts]) < 149  # 99 degrees of freedom, p = 0.001


def test_layers_are_independent() -> None:
    one = SlotTable("one").moved_to({"e": {"a": 0.5, "b": 0.3, "c": 0.2}})
    two = SlotTable("two").moved_to({"e": {"a": 0.5, "b": 0.3, "c": 0.2}})
    assert chi_square(crossed(one, two)) < 18.5  # 4 degrees of freedom, p = 0.001
    assert chi_square(crossed(one, one)) > 10_000


def test_experiments_one_after_the_other_in_a_layer_are_independent() -> None:
    first = EMPTY.moved_to({"e": {"a": 0.5, "b": 0.5}})
    second = first.moved_to({}).moved_to({"f": {"a": 0.5, "b": 0.5}})
    assert chi_square(crossed(first, second)) < 10.8  # 1 degree of freedom, p = 0.001


def test_epochs_are_independent_of_each_other_and_of_the_slot() -> None:
    key = layer_key("salt")
    points = [(hashed(key, f"user-{n}"), n) for n in range(20_000)]
    cells = [[0] * 4 for _ in range(4)]
    for unit, _ in points:
        cells[int(point_of(unit, "e", 1) * 4)][int(point_of(unit, "e", 2) * 4)] += 1
    assert chi_square(cells) < 27.9  # 9 degrees of freedom, p = 0.001


def crossed(one: SlotTable, two: SlotTable) -> list[list[int]]:
    """Returns how often 40,000 units fall into each pair of arms."""
    owners = [[o for o in table.counts if o != FREE] for table in (one, two)]
    cells = [[0] * len(owners[1]) for _ in owners[0]]
    for n in range(40_000):
        pair = [t.slots[t.slot(f"u{n}")] for t in (one, two)]
        cells[owners[0].index(pair[0])][owners[1].index(pair[1])] += 1
    return cells


def chi_square(cells: list[list[int]]) -> float:
    """Returns Pearson's statistic of a table for independence; of a single row for uniformity."""
    total = sum(map(sum, cells))
    rows = [sum(row) for row in cells]
    columns = (
        [sum(column) for column in zip(*cells, strict=True)]
        if len(cells) > 1
        else [total / len(cells[0])] * len(cells[0])
    )
    expected = [[r * c / total for c in columns] for r in rows]
    pairs = [
        (seen, e)
        for seen_row, e_row in zip(cells, expected, strict=True)
        for seen, e in zip(seen_row, e_row, strict=True)
    ]
    return sum((seen - e) ** 2 / e for seen, e in pairs)


def test_every_process_gives_a_unit_the_same_slot() -> None:
    """Python's own ``hash`` differs from process to process; this one must not."""
    code = (
        "from serving.experiments.assignment.table import SlotTable\n"
        "print([SlotTable('salt').slot(u) for u in ('ann', 'béa', '名', '\\udcff')])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == str([EMPTY.slot(u) for u in ("ann", "béa", "名", "\udcff")])
    assert EMPTY.slot("ann") == 2980
