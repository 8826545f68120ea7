"""What a planned size finds, how long it takes, and whether the forecast of 'penstock experiment decide' is right.

Run as ``python benchmarks/statistics/experiments_power.py``; prints Markdown tables.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import numpy as np

from serving.experiments.statistics.config import PlannedConfig
from serving.experiments.statistics.design import Design
from serving.experiments.statistics.forecast import passage
from serving.experiments.statistics.simulate.looks import Looks, looks
from serving.experiments.statistics.simulate.size import smallest_difference
from serving.experiments.statistics.simulate.streams import binary, fixed
from serving.experiments.statistics.simulate.verdicts import verdicts

EXPERIMENTS, AT_ONCE, PLANNED = 1000, 25, 8000
FORECASTS = 300
EVEN = {"old": 0.5, "new": 0.5}
Z, POWER = 1.96, 0.8416


def design(**planned: object) -> Design:
    """Returns two arms."""
    return Design(("old", "new"), "old", planned=PlannedConfig.model_validate({"units": PLANNED, **planned}))


def streams(rates: tuple[float, float], units: int, experiments: int) -> Iterator:
    """Yields units of some experiments at a time."""
    for number in range(0, experiments, AT_ONCE):
        rng = np.random.default_rng([number, units, round(1000 * rates[0])])
        yield fixed(rng, (AT_ONCE, units), (0.5, 0.5), binary(rates))


def power(rate: float, **planned: object) -> str:
    """Returns a row: difference that 80% should find, share that find it, units at the verdict, and a test at the end alone."""
    made = design(**planned)
    gain = smallest_difference(made, rate, 0.0, EVEN)
    found, at, opposite = [], [], 0
    for units in streams((rate, rate + gain), PLANNED, EXPERIMENTS):
        seen = verdicts(made, units)
        found += list(seen.promoted == 1)
        at += list(seen.at)
        opposite += int((seen.decided & (seen.promoted < 0)).sum())
    once = (Z + POWER) * np.sqrt(4 * rate * (1 - rate) / PLANNED)
    return (
        f"| {rate:.1%}, {made.planned.interval}, {made.planned.sides} sides | {100 * gain:.2f} points | **{np.mean(found):.1%}** | "
        f"{opposite / EXPERIMENTS:.1%} | {np.median(at):,.0f} | {100 * once:.2f} points |"
    )


def forecast(rate: float, factor: float) -> Iterator[str]:
    """Yields rows: of experiments that are open at a look, units that are forecast and that are needed."""
    made = design()
    gain = factor * smallest_difference(made, rate, 0.0, EVEN)
    shares = (0.1, 0.25, 0.5)
    rows: dict[float, list[tuple[float, float]]] = {share: [] for share in shares}
    for units in streams((rate, rate + gain), 4 * PLANNED, FORECASTS):
        seen = looks(made, units, "new")
        decided = abs(seen.estimate) > seen.half
        first = np.where(decided.any(axis=1), decided.argmax(axis=1) + 1, 8 * PLANNED)
        for share in shares:
            look = round(share * PLANNED)
            for row in np.flatnonzero((first > look) & np.isfinite(seen.half[:, look])):
                rows[share].append((_said(made, seen, row, look) - look, first[row] - look))
    for share, pairs in rows.items():
        said, needed = np.array(pairs).T
        yield (
            f"| {rate:.0%} and {rate + gain:.1%}, {share:.0%} | {len(pairs) / FORECASTS:.0%} | {np.median(said):,.0f} | "
            f"{np.median(needed):,.0f} | {np.mean(needed <= said):.0%} |"
        )


def _said(made: Design, seen: Looks, row: int, look: int) -> float:
    said = passage(
        float(seen.estimate[row, look]), float(seen.variance[row, look]), int(seen.units[row, look]),
        float(seen.r[row, 0]), made.alpha, seed=row,
    )  # fmt: skip
    return 128.0 * PLANNED if said is None else said


def main() -> None:
    """Prints the tables."""
    began = time.process_time()
    print(
        f"| rate, interval | difference for 80% of {PLANNED:,} | promoted | wrongly kept | units at the verdict | one test at the end finds |"
    )
    print("|---|---|---|---|---|---|")
    for rate in (0.02, 0.1, 0.5):
        print(power(rate), flush=True)
    print(power(0.1, sides="one"), flush=True)
    print(power(0.1, interval="exact"), flush=True)
    print()
    print(
        "| rates, look at share of the planned size | still open | units more, forecast | needed | needed at most the forecast |"
    )
    print("|---|---|---|---|---|")
    for factor in (0.7, 1.0, 1.5):
        for line in forecast(0.1, factor):
            print(line, flush=True)
    print(f"{time.process_time() - began:.0f} s of processor time", file=sys.stderr)


if __name__ == "__main__":
    main()
