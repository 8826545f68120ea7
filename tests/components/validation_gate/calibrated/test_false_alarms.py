"""Two samples of one distribution alarm as rarely as promised, a shift is found, too few rows are said.

The whole simulation is ``benchmarks/statistics/drift.py``; this is a small part of it with fixed seeds.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from components.validation_gate.calibrated.bins import binned, quantile_edges
from components.validation_gate.calibrated.columns import Column
from components.validation_gate.calibrated.null_range import usual_distance
from components.validation_gate.calibrated.statistic import compare
from components.validation_gate.calibrated.verdict import Pair, judge
from components.validation_gate.config import PRACTICAL

Draw = Callable[[np.random.Generator, int], np.ndarray]


def categories(size: int, tail: float = 0.0) -> Draw:
    shares = np.arange(1, size + 1) ** -tail
    names = np.array([f"v{i}" for i in range(size)], object)
    return lambda rng, n: names[rng.choice(size, n, p=shares / shares.sum())]


def with_outlier(rng: np.random.Generator, n: int) -> np.ndarray:
    values = rng.standard_t(2, n)
    values[0] = 1e12
    return values


def with_missing(rng: np.random.Generator, n: int) -> np.ndarray:
    values = rng.normal(size=n)
    values[rng.random(n) < 0.2] = np.nan
    return values


DRAWS: dict[str, Draw] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "log-normal": lambda rng, n: rng.lognormal(3, 1, n),
    "heavy tail, outlier": with_outlier,
    "5 values": categories(5),
    "50 values": categories(50),
    "500 values": categories(500),
    "20,000 rare values": categories(20_000, 1.0),
    "counts": lambda rng, n: rng.poisson(3, n).astype(float),
    "mostly zero": lambda rng, n: rng.poisson(4, n) * (rng.random(n) < 0.3) * 1.0,
    "weekdays": lambda rng, n: rng.integers(0, 7, n) * 1.0,
    "a fifth missing": with_missing,
    "constant": lambda rng, n: np.full(n, 7.0),
}


def outcome(before: np.ndarray, now: np.ndarray, size: float = PRACTICAL) -> str:
    return judge([Pair("x", size, Column.of(before), Column.of(now), lambda *_: True)])[0].outcome


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS.keys())
@pytest.mark.parametrize(("rows", "runs"), [(200, 50), (1_000, 20), (8_400, 5)])
def test_equal_data_alarm_at_most_as_often_as_promised(draw: Draw, rows: int, runs: int):
    alarms = 0
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        alarms += outcome(draw(rng, rows), draw(rng, rows)) == "beyond bound"
    # 5% is promised; of as many runs, more than this has a probability below one in a thousand.
    assert alarms <= {50: 9, 20: 6, 5: 0}[runs]


SHIFTS: dict[str, tuple[Draw, Draw]] = {
    "0.3 sd": (DRAWS["normal"], lambda rng, n: rng.normal(0.3, 1, n)),
    "0.3 sd of a log-normal and one outlier": (
        DRAWS["log-normal"], lambda rng, n: np.append(rng.lognormal(3.3, 1, n - 1), 1e15)),
    "10 points of one of 5": (categories(5), lambda rng, n: np.array([f"v{i}" for i in range(5)], object)[
        rng.choice(5, n, p=[0.3, 0.175, 0.175, 0.175, 0.175])]),
    "10 points of one of 50": (categories(50), lambda rng, n: np.where(rng.random(n) < 0.1, "v0", categories(50)(rng, n))),
    "10 points missing": (DRAWS["normal"], lambda rng, n: np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n))),
    "10 points of a new value": (categories(5), lambda rng, n: np.where(rng.random(n) < 0.1, "new", categories(5)(rng, n))),
    "10 points of many new values": (categories(50), lambda rng, n: np.where(
        rng.random(n) < 0.1, np.array([f"new{i}" for i in range(n)], object), categories(50)(rng, n))),
    "a constant that changes for 10 points": (
        DRAWS["constant"], lambda rng, n: np.where(rng.random(n) < 0.1, 8.0, 7.0)),
    "all in units of a thousand": (DRAWS["log-normal"], lambda rng, n: rng.lognormal(3, 1, n) / 1000),
}  # fmt: skip


@pytest.mark.parametrize(("before", "now"), SHIFTS.values(), ids=SHIFTS.keys())
def test_a_shift_is_found(before: Draw, now: Draw):
    for seed, rows in enumerate((1_000, 1_000, 1_000, 1_000, 8_400, 8_400)):
        rng = np.random.default_rng(seed)
        assert outcome(before(rng, rows), np.asarray(now(rng, rows), before(rng, 1).dtype)) == "beyond bound"


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS.keys())
def test_too_few_rows_are_said(draw: Draw):
    rows = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        sides = [Column.of(draw(rng, 60)) for _ in range(2)]
        rows += judge([Pair("x", PRACTICAL, *sides, lambda *_: True)])
    assert "within bound" not in [row.outcome for row in rows]
    few = [row for row in rows if row.outcome == "too few rows"]
    assert len(few) >= 8
    assert all("rows on each side" in row.note for row in few)


def test_as_many_rows_as_were_asked_for_are_enough():
    rng = np.random.default_rng(2)
    few = judge(
        [
            Pair(
                "x",
                PRACTICAL,
                Column.of(rng.normal(size=300)),
                Column.of(rng.normal(size=300)),
                lambda *_: True,
            )
        ]
    )
    needed = int(few[0].note.split("about ")[1].split(" rows")[0].replace(",", ""))
    assert 500 < needed < 1_200
    enough = round(needed * 1.2)
    assert outcome(rng.normal(size=enough), rng.normal(size=enough)) == "within bound"


def people(rng: np.random.Generator, number: int, each: int, start: int) -> Column:
    values = np.repeat(rng.normal(size=number), each) + rng.normal(size=number * each)
    return Column.of(values, np.repeat(np.arange(number) + start, each))


@pytest.mark.parametrize(("number", "each"), [(500, 10), (50, 20), (20, 50)])
def test_rows_that_belong_together_do_not_alarm_more(number: int, each: int):
    grouped, alone = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        before, now = people(rng, number, each, 0), people(rng, number, each, number)
        grouped.append(compare(binned(before, now)).probability < 0.05)
        plain = binned(Column.of(before.values), Column.of(now.values))
        alone.append(compare(plain).probability < 0.05)
    assert sum(grouped) <= 7
    assert sum(alone) > 10


def test_rows_that_both_samples_hold_do_not_hide_a_change():
    found = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        before = rng.normal(size=2_000)
        changed = np.where(rng.random(2_000) < 0.1, rng.normal(size=2_000), before)
        same = [Column.of(values, np.arange(2_000)) for values in (before, changed)]
        compared = compare(binned(*same))
        assert compared.design == pytest.approx(0.1, abs=0.04)
        found.append(compared.probability < 0.05)
    assert 0 <= sum(found) <= 7


def test_many_features_alarm_no_more_than_one():
    alarms = 0
    for seed in range(15):
        rng = np.random.default_rng(seed)
        pairs = [
            Pair(
                str(i),
                1e-9,
                Column.of(rng.normal(size=500)),
                Column.of(rng.normal(size=500)),
                lambda *_: True,
            )
            for i in range(20)
        ]
        alarms += any(row.outcome == "beyond bound" for row in judge(pairs))
    assert alarms <= 4


def test_what_is_told_names_no_value_that_may_not_be():
    rng = np.random.default_rng(0)
    names = np.array(["ada@example.org", "DE", "FR"], object)
    before, now = (Column.of(names[rng.choice(3, 2_000)]) for _ in range(2))
    (row,) = judge([Pair("x", PRACTICAL, before, now, lambda value, _: "@" not in value)])
    assert {bin.label for bin in row.bins} == {"DE", "FR", "value 1, not shown"}


def test_many_bins_are_told_as_those_that_moved_and_the_others():
    rng = np.random.default_rng(0)
    draw = categories(500)
    (row,) = judge(
        [Pair("x", PRACTICAL, Column.of(draw(rng, 20_000)), Column.of(draw(rng, 20_000)), lambda *_: True)]
    )
    assert len(row.bins) == 20
    assert row.bins[-1].label == "481 others"
    assert sum(bin.now for bin in row.bins) == pytest.approx(1)


def test_an_array_counts_its_items_and_a_row_without_any():
    values = np.array(["a", "b", "a"], object)
    column = Column(values, np.array([0, 0, 2]), 4)
    bins = binned(column, column)
    assert bins.before.n == 5
    assert len(set(bins.before.group.tolist())) == 4


@pytest.mark.parametrize(
    ("values", "edges", "single"),
    [
        ([7.0] * 9, [np.nextafter(7, -np.inf), 7.0], {7.0}),
        ([], [], set()),
        ([1, 2, 3, 4], [np.nextafter(1, -np.inf), 1, np.nextafter(2, -np.inf), 2, np.nextafter(3, -np.inf), 3,
                        np.nextafter(4, -np.inf), 4], {1, 2, 3, 4}),
    ],
    ids=["constant", "nothing", "few values"],
)  # fmt: skip
def test_edges_of_ties(values: list[float], edges: list[float], single: set[float]):
    found, atoms = quantile_edges(np.array(values, np.float64), 5)
    assert found.tolist() == edges
    assert atoms == single


@pytest.mark.parametrize(("kind", "draw"), [("jensen_shannon", "normal"), ("l_infinity", "50 values")])
def test_a_tfdv_distance_exceeds_its_usual_range_in_one_of_twenty(kind: str, draw: str):
    beyond = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        sides = [Column.of(DRAWS[draw](rng, 300)) for _ in range(2)]
        usual = usual_distance(kind, *sides)
        beyond += measured(kind, *sides) > usual
    assert beyond <= 5


def measured(kind: str, before: Column, now: Column) -> float:
    from components.validation_gate.calibrated.null_range import _numbers

    if kind == "jensen_shannon":
        return _numbers(np.sort(before.values), np.sort(now.values))
    names = np.unique(np.concatenate([before.values, now.values]))
    shares = [np.array([(side.values == name).mean() for name in names]) for side in (before, now)]
    return float(np.abs(shares[0] - shares[1]).max())
