"""Rewards that come late, with an arm that answers earlier than the other: when a unit is counted decides who wins.

Run as ``python benchmarks/statistics/experiments_late.py``; prints a Markdown table.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, replace

import numpy as np

from serving.experiments.statistics.config import PlannedConfig
from serving.experiments.statistics.design import Design
from serving.experiments.statistics.simulate.looks import Units, looks
from serving.experiments.statistics.simulate.streams import Interval, binary, fixed, moving, thompson

EXPERIMENTS, AT_ONCE, UNITS = 1000, 20, 15_000
WINDOW = 5000
"""Units that come while a window is open: a third of the experiment."""


@dataclass(frozen=True)
class Setting:
    """Both arms have their successes within the window, at different times.

    Attributes:
        rates: Control's rate and the arm's.
        delays: Their mean delays, in shares of the window.
        bandit: Whether Thompson sampling moves the weights.
    """

    rates: tuple[float, float]
    delays: tuple[float, float]
    bandit: bool = False

    def __str__(self) -> str:
        """Says it for the table."""
        how = "Thompson sampling" if self.bandit else "50/50"
        return f"{self.rates[0]:.0%} and {self.rates[1]:.0%}, delays {self.delays[0]:g} and {self.delays[1]:g} of the window, {how}"


SETTINGS = (
    Setting((0.3, 0.3), (0.6, 0.6)),
    Setting((0.3, 0.3), (0.6, 0.03)),
    Setting((0.3, 0.34), (0.03, 0.6)),
    Setting((0.3, 0.3), (0.6, 0.03), bandit=True),
)


def units_of(setting: Setting, rng: np.random.Generator) -> Units:
    """Returns units in the order of assignment."""
    shape, rewards = (AT_ONCE, UNITS), binary(setting.rates)
    if not setting.bandit:
        return fixed(rng, shape, (0.5, 0.5), rewards)
    return moving(
        rng, shape, (0.5, 0.5), rewards, thompson(rng, 0.05, draws=100), Interval(100, WINDOW // 100)
    )


def by_answer(units: Units, setting: Setting, rng: np.random.Generator) -> Units:
    """Returns the same units in the order in which they are known if successes count as they come."""
    scale = np.asarray(setting.delays)[units.arms]
    # An exponential delay that ends within the window.
    delay = -scale * np.log1p(-rng.random(scale.shape) * (1 - np.exp(-1 / scale)))
    known = np.arange(UNITS) + WINDOW * np.where(units.values > 0, delay, 1.0)
    order = np.argsort(known, axis=1)
    shares = [np.take_along_axis(np.broadcast_to(each, order.shape), order, 1) for each in units.shares]
    return replace(
        units,
        arms=np.take_along_axis(units.arms, order, 1),
        values=np.take_along_axis(units.values, order, 1),
        shares=shares,
    )


def row(setting: Setting) -> str:
    """Returns a row."""
    made = Design(("old", "new"), "old", planned=PlannedConfig(units=UNITS))
    truth, missed, wrong = setting.rates[1] - setting.rates[0], np.zeros(2), np.zeros(2)
    for number in range(0, EXPERIMENTS, AT_ONCE):
        rng = np.random.default_rng([number, round(100 * setting.delays[0])])
        units = units_of(setting, rng)
        for which, each in enumerate((units, by_answer(units, setting, rng))):
            seen = looks(made, each, "new")
            missed[which] += seen.missed(truth).sum()
            side = seen.estimate + seen.half < 0 if truth > 0 else abs(seen.estimate) > seen.half
            wrong[which] += side.any(axis=1).sum()
    ours, early = missed / EXPERIMENTS
    wrongly = wrong / EXPERIMENTS
    return f"| {setting} | **{ours:.1%}** | **{wrongly[0]:.1%}** | {early:.1%} | {wrongly[1]:.1%} |"


def main() -> None:
    """Prints the table."""
    began = time.process_time()
    print(
        f"| rates, mean delays | ever missed when windows close, of {EXPERIMENTS:,} | wrong verdict | "
        "ever missed as answers come | wrong verdict |"
    )
    print("|---|---|---|---|---|")
    for setting in SETTINGS:
        print(row(setting), flush=True)
    print(f"{time.process_time() - began:.0f} s of processor time", file=sys.stderr)


if __name__ == "__main__":
    main()
