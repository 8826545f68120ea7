"""How often an interval that is looked at after every unit misses the true difference, with fixed weights and rewards of 0 and 1.

Run as ``python benchmarks/statistics/experiments_fixed.py``; prints a Markdown table.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import numpy as np

from serving.experiments.statistics.config import PlannedConfig
from serving.experiments.statistics.design import Design
from serving.experiments.statistics.sequence import tuned
from serving.experiments.statistics.simulate.looks import looks
from serving.experiments.statistics.simulate.streams import binary, fixed

EXPERIMENTS, AT_ONCE = 1000, 20
Z = 1.96


@dataclass(frozen=True)
class Setting:
    """Experiments with known truth.

    Attributes:
        rates: Control's rate and the arm's.
        units: Units of both; half as many are planned.
        weight: The arm's weight.
    """

    rates: tuple[float, float]
    units: int
    weight: float = 0.5


SETTINGS = (
    *(Setting(rates, 40_000) for rates in ((0.005, 0.005), (0.005, 0.0075), (0.02, 0.02), (0.02, 0.024))),
    *(Setting(rates, 20_000) for rates in ((0.05, 0.05), (0.05, 0.06))),
    *(Setting(rates, 10_000) for rates in ((0.2, 0.2), (0.2, 0.23), (0.5, 0.5), (0.5, 0.55))),
    Setting((0.02, 0.024), 40_000, weight=0.1),
    *(Setting(rates, 10_000, weight=0.1) for rates in ((0.2, 0.2), (0.2, 0.23), (0.5, 0.5))),
)


def plug_in(error: np.ndarray, units: np.ndarray, design: Design) -> np.ndarray:
    """Returns half the width of the sequence with the variance seen so far, however little that is."""
    scaled = units * tuned(design.planned.units, design.alpha) + 1
    growth = 2 * scaled / (scaled - 1 + 1e-12) * np.log(np.sqrt(scaled) / design.alpha)
    return np.asarray(error * np.sqrt(growth))


def missed(setting: Setting) -> tuple[float, float, float, float]:
    """Returns how often each method ever missed, and the share of experiments that were ever looked at."""
    design = Design(("old", "new"), "old", planned=PlannedConfig(units=setting.units // 2))
    truth = setting.rates[1] - setting.rates[0]
    found = np.zeros(4)
    for number in range(0, EXPERIMENTS, AT_ONCE):
        rng = np.random.default_rng([number, setting.units])
        weights = (1 - setting.weight, setting.weight)
        units = fixed(rng, (AT_ONCE, setting.units), weights, binary(setting.rates))
        seen = looks(design, units, "new")
        wide = abs(seen.estimate - truth) > plug_in(seen.error, seen.units, design)
        z = (abs(seen.estimate - truth) > Z * seen.error) & np.isfinite(seen.half)
        opened = np.isfinite(seen.half).any(axis=1)
        found += [
            seen.missed(truth).sum(),
            (wide & (seen.units >= 10)).any(axis=1).sum(),
            z.any(axis=1).sum(),
            opened.sum(),
        ]
    return tuple(found / EXPERIMENTS)  # type: ignore[return-value]


def main() -> None:
    """Prints the table."""
    began = time.process_time()
    print(
        f"| rates, weight of the arm, units | ever missed, of {EXPERIMENTS:,} | plug-in variance from 10 units on | z interval | looked at |"
    )
    print("|---|---|---|---|---|")
    for setting in SETTINGS:
        ours, early, z, opened = missed(setting)
        name = f"{setting.rates[0]:.3g} and {setting.rates[1]:.3g}, {setting.weight:.0%}, {setting.units:,}"
        print(f"| {name} | **{ours:.1%}** | {early:.1%} | {z:.1%} | {opened:.0%} |", flush=True)
    print(f"{time.process_time() - began:.0f} s of processor time", file=sys.stderr)


if __name__ == "__main__":
    main()
