"""How often an interval that is looked at after every unit misses the true difference while Thompson sampling moves the weights.

Run as ``python benchmarks/statistics/experiments_moving.py``; prints a Markdown table.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import numpy as np

from serving.experiments.statistics.config import PlannedConfig
from serving.experiments.statistics.design import Design
from serving.experiments.statistics.simulate.looks import looks
from serving.experiments.statistics.simulate.streams import Interval, binary, moving, thompson

EXPERIMENTS, AT_ONCE, FLOOR = 1000, 20, 0.05
Z = 1.96


@dataclass(frozen=True)
class Setting:
    """Experiments with known truth.

    Attributes:
        rates: Each arm's rate, control first.
        units: Units of all arms; half as many are planned.
        interval: Units between two changes of the weights.
        late: Changes until a reward is known.
    """

    rates: tuple[float, ...]
    units: int
    interval: int = 100
    late: int = 0

    def __str__(self) -> str:
        """Says it for the table."""
        late = f", rewards {self.late} intervals late" if self.late else ""
        rates = ", ".join(f"{rate:.3g}" for rate in self.rates)
        return f"{rates}; {self.units:,} in intervals of {self.interval}{late}"


SETTINGS = (
    *(Setting(rates, 30_000) for rates in ((0.005, 0.005), (0.005, 0.0075), (0.02, 0.02), (0.02, 0.024))),
    *(Setting(rates, 15_000) for rates in ((0.05, 0.05), (0.05, 0.06))),
    *(Setting(rates, 10_000) for rates in ((0.2, 0.2), (0.2, 0.23), (0.5, 0.5), (0.5, 0.55))),
    Setting((0.2, 0.2), 10_000, interval=1_000),
    Setting((0.2, 0.2), 10_000, late=10),
    Setting((0.2, 0.2, 0.2), 10_000),
    Setting((0.2, 0.2, 0.25), 10_000),
)


def missed(setting: Setting) -> tuple[float, float, float]:
    """Returns how often any interval ever missed, the same for z intervals, and how many experiments were looked at."""
    arms = ("old", "new", "far")[: len(setting.rates)]
    design = Design(arms, "old", planned=PlannedConfig(units=setting.units // 2))
    first, interval = [1 / len(arms)] * len(arms), Interval(setting.interval, setting.late)
    found = np.zeros(3)
    for number in range(0, EXPERIMENTS, AT_ONCE):
        rng = np.random.default_rng([number, setting.units, len(arms)])
        rule = thompson(rng, FLOOR, draws=100)
        units = moving(rng, (AT_ONCE, setting.units), first, binary(setting.rates), rule, interval)
        ever = np.zeros((3, AT_ONCE), dtype=bool)
        for arm, rate in zip(design.challengers, setting.rates[1:], strict=True):
            truth, seen = rate - setting.rates[0], looks(design, units, arm)
            opened = np.isfinite(seen.half)
            z = ((abs(seen.estimate - truth) > Z * seen.error) & opened).any(axis=1)
            ever |= np.stack([seen.missed(truth), z, opened.any(axis=1)])
        found += ever.sum(axis=1)
    return tuple(found / EXPERIMENTS)  # type: ignore[return-value]


def main() -> None:
    """Prints the table."""
    began = time.process_time()
    print(f"| rates; units | ever missed, of {EXPERIMENTS:,} | z interval | looked at |")
    print("|---|---|---|---|")
    for setting in SETTINGS:
        ours, z, opened = missed(setting)
        print(f"| {setting} | **{ours:.1%}** | {z:.1%} | {opened:.0%} |", flush=True)
    print(f"{time.process_time() - began:.0f} s of processor time", file=sys.stderr)


if __name__ == "__main__":
    main()
