"""How often off-policy estimates cover the truth, and how often they are refused.

Run as ``python benchmarks/statistics/experiments_off_policy.py``; prints a Markdown table.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field

import numpy as np

from serving.experiments.statistics.off_policy.estimates import Estimates
from serving.experiments.statistics.off_policy.judge import Unit, judge
from serving.experiments.statistics.off_policy.policy import Policy
from serving.experiments.statistics.simulate.streams import Interval, binary, fixed, moving, thompson

EXPERIMENTS, AT_ONCE = 1000, 100
NEW = Policy({"new": 1.0})


@dataclass(frozen=True)
class Setting:
    """A log, and a policy that is judged by it.

    Attributes:
        name: For the table.
        rates: Each arm's rate; with a country, that of its own country and less elsewhere.
        units: Units of a log.
        weight: The arm's weight in it; 0 stands for Thompson sampling.
        policy: The policy.
        truth: What the policy earns.
        wrong: What is wrong with the log.
        by_country: Whether rates depend on the unit.
    """

    name: str
    rates: tuple[float, float]
    units: int
    weight: float
    policy: Policy = field(default_factory=lambda: NEW)
    truth: float = 0.0
    wrong: str = ""
    by_country: bool = False


BY_COUNTRY = Policy({"old": 1.0}, "country", {"1": {"new": 1.0}})
SETTINGS = (
    Setting("50/50, all new", (0.1, 0.13), 1000, 0.5, truth=0.13),
    Setting("50/50, all new, rare", (0.01, 0.01), 10_000, 0.5, truth=0.01),
    Setting("90/10, all new", (0.1, 0.13), 3000, 0.1, truth=0.13),
    Setting("99/1, all new", (0.3, 0.4), 5000, 0.01, truth=0.4),
    Setting("Thompson sampling, all new", (0.2, 0.2), 3000, 0.0, truth=0.2),
    Setting("50/50, new in one of two countries", (0.4, 0.6), 2000, 0.5, BY_COUNTRY, 0.5, by_country=True),
    Setting(
        "50/50, all new, propensities 60/40 logged", (0.1, 0.13), 3000, 0.5, truth=0.13, wrong="propensity"
    ),
    Setting("50/50, all new, 5% of its records lost", (0.1, 0.13), 20_000, 0.5, truth=0.13, wrong="lost"),
)


def logs(setting: Setting, rng: np.random.Generator, number: int) -> list[list[Unit]]:
    """Returns some logs."""
    shape, rewards = (number, setting.units), binary(setting.rates)
    if setting.weight:
        drawn = fixed(rng, shape, (1 - setting.weight, setting.weight), rewards)
    else:
        drawn = moving(rng, shape, (0.5, 0.5), rewards, thompson(rng, 0.05, draws=50), Interval(100))
    own = np.where(drawn.arms == 1, *(np.broadcast_to(drawn.shares[arm], shape) for arm in (1, 0)))
    country = rng.integers(0, 2, shape)
    values = drawn.values
    if setting.by_country:
        values = (rng.random(shape) < np.where(country == drawn.arms, 0.5, 0.2)).astype(float)
    kept = np.ones(shape, dtype=bool)
    if setting.wrong == "lost":
        kept = (drawn.arms == 0) | (rng.random(shape) > 0.05)
    if setting.wrong == "propensity":
        own = np.where(drawn.arms == 1, 0.4, 0.6)
    return [
        [
            Unit(("old", "new")[arm], q, value, place)
            for arm, q, value, place in zip(
                drawn.arms[e][kept[e]].tolist(), own[e][kept[e]].tolist(), values[e][kept[e]].tolist(),
                country[e][kept[e]].tolist(), strict=True,
            )
        ]
        for e in range(number)
    ]  # fmt: skip


def row(setting: Setting) -> str:
    """Returns a row: coverage among those that are not refused, and the mean width beside that of DR."""
    experiments = EXPERIMENTS if setting.units <= 5000 else EXPERIMENTS // 5
    found: list[Estimates] = []
    for number in range(0, experiments, AT_ONCE):
        rng = np.random.default_rng([number, setting.units, round(100 * setting.weight)])
        found += [
            judge(setting.policy, log) for log in logs(setting, rng, min(AT_ONCE, experiments - number))
        ]
    given = [each for each in found if not each.refused]
    refused = 1 - len(given) / len(found)
    if len(given) < experiments / 20:
        return f"| {setting.name}; {setting.units:,} | {refused:.1%} | | | | |"
    texts = []
    for name in ("ips", "snips", "dr"):
        values = [getattr(each, name) for each in given]
        texts.append(f"{np.mean([v.low <= setting.truth <= v.high for v in values]):.1%}")
    ips, dr = (np.mean([getattr(e, n).high - getattr(e, n).low for e in given]) for n in ("ips", "dr"))
    return f"| {setting.name}; {setting.units:,} | {refused:.1%} | {' | '.join(texts)} | {dr / ips:.0%} |"


def main() -> None:
    """Prints the table."""
    began = time.process_time()
    print(
        f"| log, policy; units | refused, of {EXPERIMENTS:,} (200 above 5,000 units) | IPS covers | SNIPS covers | DR covers | width of DR beside IPS |"
    )
    print("|---|---|---|---|---|---|")
    for setting in SETTINGS:
        print(row(setting), flush=True)
    print(f"{time.process_time() - began:.0f} s of processor time", file=sys.stderr)


if __name__ == "__main__":
    main()
