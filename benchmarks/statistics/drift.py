"""How often a drift check alarms on equal data, and how often it finds a shift: TFDV's distances and the calibrated test.

    python benchmarks/statistics/drift.py

Both samples have the same number of rows. TFDV's distances are computed as TFDV computes them, without TensorFlow.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from components.validation_gate.calibrated.bins import binned
from components.validation_gate.calibrated.columns import Column
from components.validation_gate.calibrated.null_range import divergence, histogram
from components.validation_gate.calibrated.statistic import compare
from components.validation_gate.calibrated.verdict import Pair, judge
from components.validation_gate.config import PRACTICAL

Draw = Callable[[np.random.Generator, int], np.ndarray]
ROWS = {200: 300, 1_000: 200, 8_400: 50, 50_000: 12}
"""Rows on each side → comparisons."""
BOUND = 0.05
"""What the example's document asked of TFDV's distances."""


def categories(size: int, first: float = 0.0) -> Draw:
    """Returns a draw of equally frequent values; the first of them gets ``first`` more."""
    names = np.array([f"v{i}" for i in range(size)], object)
    shares = np.full(size, (1 - first) / size)
    shares[0] += first
    return lambda rng, n: names[rng.choice(size, n, p=shares)]


def with_outlier(rng: np.random.Generator, n: int) -> np.ndarray:
    """Draws from a heavy tail, with one value far outside."""
    values = rng.standard_t(2, n)
    values[0] = 1e9
    return values


NULL: dict[str, Draw] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "log-normal": lambda rng, n: rng.lognormal(3, 1, n),
    "heavy tail, one outlier": with_outlier,
    "5 values": categories(5),
    "50 values": categories(50),
    "500 values": categories(500),
    "counts": lambda rng, n: rng.poisson(3, n) * 1.0,
}
SHIFTED: dict[str, tuple[Draw, Draw]] = {
    "normal, 0.3 sd": (NULL["normal"], lambda rng, n: rng.normal(0.3, 1, n)),
    "log-normal, 0.3 sd": (NULL["log-normal"], lambda rng, n: rng.lognormal(3.3, 1, n)),
    "heavy tail, outlier, 1 sd": (with_outlier, lambda rng, n: with_outlier(rng, n) + 1),
    "5 values, 10 points": (categories(5), categories(5, 0.125)),
    "50 values, 10 points": (categories(50), categories(50, 0.102)),
    "500 values, 10 points": (categories(500), categories(500, 0.1)),
    "counts, 0.3 sd": (NULL["counts"], lambda rng, n: rng.poisson(3.52, n) * 1.0),
}


def tfdv(first: np.ndarray, second: np.ndarray) -> float:
    """Returns L-infinity of text and the Jensen-Shannon divergence of numbers, as TFDV does."""
    if first.dtype == object:
        _, codes = np.unique(np.concatenate([first, second]), return_inverse=True)
        size = int(codes.max()) + 1
        shares = [np.bincount(part, minlength=size) / len(part) for part in np.split(codes, [len(first)])]
        return float(np.abs(shares[0] - shares[1]).max())
    sides = [histogram(np.sort(side)) for side in (first, second)]
    edges = np.unique(np.concatenate([own for _, own in sides]))
    parts = [
        np.diff(np.interp(edges, own, np.concatenate([[0.0], np.cumsum(counts)]))) / counts.sum()
        for counts, own in sides
    ]
    return float(divergence(parts[0][None], parts[1][None])[0])


def text_divergence(first: np.ndarray, second: np.ndarray) -> float:
    """Returns the Jensen-Shannon divergence of text."""
    _, codes = np.unique(np.concatenate([first, second]), return_inverse=True)
    size = int(codes.max()) + 1
    shares = [np.bincount(part, minlength=size) / len(part) for part in np.split(codes, [len(first)])]
    return float(divergence(shares[0][None], shares[1][None])[0])


def outcomes(before: Draw, now: Draw, rows: int, runs: int) -> tuple[float, float, float, float]:
    """Returns the shares of comparisons beyond TFDV's bound, rejected by the test, beyond the calibrated bound, too few."""
    found = np.zeros(4)
    for seed in range(runs):
        rng = np.random.default_rng([seed, rows])
        first, second = before(rng, rows), now(rng, rows)
        (row,) = judge([Pair("x", PRACTICAL, Column.of(first), Column.of(second), lambda *_: True)])
        distance = tfdv(first, second)
        if first.dtype == object and len(set(first)) > 5:
            distance = max(distance, text_divergence(first, second))
        found += (
            distance > BOUND,
            (row.p or 0) <= 0.05,
            row.outcome == "beyond bound",
            row.outcome == "too few rows",
        )
    return tuple(found / runs)  # type: ignore[return-value]


def table(title: str, cases: dict[str, tuple[Draw, Draw]]) -> None:
    """Prints one table: TFDV's bound, then the test alone, then the verdict."""
    print(f"\n| {title} | " + " | ".join(f"{rows:,} rows" for rows in ROWS) + " |")
    print("|---|" + "---|" * len(ROWS))
    for name, (before, now) in cases.items():
        cells = []
        for rows, runs in ROWS.items():
            old, test, new, few = outcomes(before, now, rows, runs)
            cells.append(f"{old:.0%} → **{new:.0%}** (test {test:.1%}, too few {few:.0%})")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def people(rng: np.random.Generator, number: int, each: int, start: int) -> Column:
    """Draws rows of which each person has several, half of the variance being the person's."""
    values = np.repeat(rng.normal(size=number), each) + rng.normal(size=number * each)
    return Column.of(values, np.repeat(np.arange(number) + start, each))


def grouped() -> None:
    """Prints how often the test rejects equal data whose rows belong together, and what both samples hold."""
    print("\n| rows that belong together | as if independent | by group |\n|---|---|---|")
    for number, each in ((500, 10), (200, 10), (50, 20), (20, 50)):
        alone, together = [], []
        for seed in range(200):
            rng = np.random.default_rng(seed)
            before, now = people(rng, number, each, 0), people(rng, number, each, number)
            together.append(compare(binned(before, now)).probability <= 0.05)
            alone.append(compare(binned(Column.of(before.values), Column.of(now.values))).probability <= 0.05)
        print(
            f"| {number} people × {each} rows | {np.mean(alone):.1%} | {np.mean(together):.1%} |", flush=True
        )
    alone, together = [], []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        before = rng.normal(size=2_000)
        now = np.where(rng.random(2_000) < 0.1, rng.normal(size=2_000), before)
        together.append(
            compare(binned(*(Column.of(v, np.arange(2_000)) for v in (before, now)))).probability <= 0.05
        )
        alone.append(compare(binned(Column.of(before), Column.of(now))).probability <= 0.05)
    print(f"| the same 2,000 documents, 10% changed | {np.mean(alone):.1%} | {np.mean(together):.1%} |")


def features() -> None:
    """Prints how often a run of 20 equal features has an alarm without and with Benjamini-Hochberg."""
    some, after = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        pairs = [
            Pair(
                str(i),
                1e-9,
                Column.of(rng.normal(size=1_000)),
                Column.of(rng.normal(size=1_000)),
                lambda *_: True,
            )
            for i in range(20)
        ]
        after.append(any((row.p or 0) <= 0.05 for row in judge(pairs)))
        some.append(any(compare(binned(pair.before, pair.now)).probability <= 0.05 for pair in pairs))
    print(
        f"\n20 equal features: some p ≤ 0.05 in {np.mean(some):.0%} of the runs, after Benjamini-Hochberg in {np.mean(after):.0%}."
    )


def main() -> None:
    """Prints all tables."""
    begin = time.monotonic()
    print("TFDV's distance beyond 0.05 → calibrated: beyond bound (G-test's p ≤ 0.05, too few rows said)")
    table("equal data: false alarms", {name: (draw, draw) for name, draw in NULL.items()})
    table("shifted data: found", SHIFTED)
    grouped()
    features()
    print(f"\n{time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    main()
