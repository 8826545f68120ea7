"""How often an interval that is looked at after every unit misses the true difference where rewards are numbers, few of them huge.

Run as ``python benchmarks/statistics/experiments_numbers.py``; prints a Markdown table.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from serving.experiments.statistics.config import PlannedConfig
from serving.experiments.statistics.design import Design
from serving.experiments.statistics.simulate.looks import looks
from serving.experiments.statistics.simulate.streams import fixed, normal

EXPERIMENTS, AT_ONCE, UNITS = 1000, 25, 6000
Z, CAP, TAIL, FACTOR = 1.96, 10.0, 2.5, 1.2
Rewards = Callable[[np.random.Generator, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Setting:
    """Rewards with a known difference of their means."""

    name: str
    rewards: Rewards
    difference: float


def scaled(draw: Callable[[np.random.Generator, tuple[int, ...]], np.ndarray], factor: float) -> Rewards:
    """Returns rewards of one shape, larger by a factor in the arm."""
    return lambda rng, arms: draw(rng, arms.shape) * np.where(arms == 1, factor, 1.0)


def lognormal(
    sigma: float, share: float = 1.0
) -> Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]:
    """Returns log-normal rewards that only a share of the units have."""
    return lambda rng, shape: np.exp(sigma * rng.standard_normal(shape)) * (rng.random(shape) < share)


def pareto(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Returns rewards whose fourth moment is infinite."""
    return rng.pareto(TAIL, shape)


def capped_mean(factor: float) -> float:
    """Returns the mean of the smaller of CAP and factor times such a reward."""
    return factor * (1 - (1 + CAP / factor) ** (1 - TAIL)) / (TAIL - 1)


SETTINGS = (
    Setting("normal, deviations 1 and 10, +0.3", normal([0, 0.3], [1, 10]), 0.3),
    Setting("normal around 10,000, deviation 1, +0.05", normal([1e4, 1e4 + 0.05], [1, 1]), 0.05),
    Setting("exponential, alike", scaled(lambda rng, shape: rng.exponential(1.0, shape), 1.0), 0.0),
    Setting("log-normal, sigma 1, times 1.2", scaled(lognormal(1.0), FACTOR), 0.2 * np.exp(0.5)),
    Setting("log-normal, sigma 1.5, times 1.2", scaled(lognormal(1.5), FACTOR), 0.2 * np.exp(1.125)),
    Setting(
        "5% buy for a log-normal sum, times 1.2", scaled(lognormal(1.0, 0.05), FACTOR), 0.01 * np.exp(0.5)
    ),
    Setting("Pareto, tail 2.5, times 1.2", scaled(pareto, FACTOR), 0.2 / (TAIL - 1)),
    Setting(
        f"the same with cap: {CAP:g}",
        lambda rng, arms: np.minimum(CAP, scaled(pareto, FACTOR)(rng, arms)),
        capped_mean(FACTOR) - capped_mean(1.0),
    ),
)


def missed(setting: Setting, weight: float) -> np.ndarray:
    """Returns how often the interval ever missed, without the first look's rule (z), and how many are looked at in the end."""
    made = Design(("old", "new"), "old", binary=False, planned=PlannedConfig(units=UNITS // 2))
    found = np.zeros(3)
    for number in range(0, EXPERIMENTS, AT_ONCE):
        rng = np.random.default_rng([number, round(100 * weight)])
        units = fixed(rng, (AT_ONCE, UNITS), (1 - weight, weight), setting.rewards)
        seen = looks(made, units, "new")
        z = (abs(seen.estimate - setting.difference) > Z * seen.error) & (seen.units >= 100)
        found += [
            seen.missed(setting.difference).sum(),
            z.any(axis=1).sum(),
            np.isfinite(seen.half[:, -1]).sum(),
        ]
    return found / EXPERIMENTS


def main() -> None:
    """Prints the table."""
    began = time.process_time()
    print(
        f"| rewards; weight of the arm, {UNITS:,} units | ever missed, of {EXPERIMENTS:,} | z interval from 100 units on | looked at in the end |"
    )
    print("|---|---|---|---|")
    for setting in SETTINGS:
        for weight in (0.5, 0.1):
            ours, z, opened = missed(setting, weight)
            print(f"| {setting.name}; {weight:.0%} | **{ours:.1%}** | {z:.1%} | {opened:.0%} |", flush=True)
    print(f"{time.process_time() - began:.0f} s of processor time", file=sys.stderr)


if __name__ == "__main__":
    main()
