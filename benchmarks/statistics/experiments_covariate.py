"""What the old model's score gains as a covariate, and whether the interval stays valid with it.

Run as ``python benchmarks/statistics/experiments_covariate.py``; prints a Markdown table.
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

EXPERIMENTS, AT_ONCE, UNITS = 1000, 25, 6000
GAIN = 0.05


@dataclass(frozen=True)
class Setting:
    """Units whose reward has something to do with a score.

    Attributes:
        name: For the table.
        number: Whether rewards are numbers.
        strength: Correlation of score and reward, about; for 0/1 the width of the score around 0.5.
        bent: Whether reward follows the score by a curve that no line fits.
        weight: The arm's weight; 0 lets Thompson sampling move it.
    """

    name: str
    number: bool
    strength: float
    bent: bool = False
    weight: float = 0.5


SETTINGS = (
    Setting("0/1, score without meaning", False, 0.0),
    Setting("0/1, score from 30% to 70%", False, 0.2),
    Setting("0/1, score from 5% to 95%", False, 0.45),
    Setting("0/1, score from 5% to 95%, arm 10%", False, 0.45, weight=0.1),
    Setting("0/1, score from 5% to 95%, Thompson sampling", False, 0.45, weight=0.0),
    Setting("numbers, correlation 0.5", True, 0.5),
    Setting("numbers, correlation 0.9", True, 0.9),
    Setting("numbers, correlation 0.9, arm 10%", True, 0.9, weight=0.1),
    Setting("numbers, a parabola of the score", True, 0.9, bent=True),
)


def units_of(setting: Setting, rng: np.random.Generator) -> Units:
    """Returns units with scores; the arm is better by GAIN on average."""
    shape = (AT_ONCE, UNITS)
    if setting.weight:
        plain = fixed(rng, shape, (1 - setting.weight, setting.weight), binary((0.5, 0.5)))
    else:
        rule = thompson(rng, 0.1, draws=100)
        plain = moving(rng, shape, (0.5, 0.5), binary((0.5, 0.5 + GAIN)), rule, Interval(100))
    arm = plain.arms == 1
    if setting.number:
        score = rng.standard_normal(shape)
        shape_of = (score**2 - 1) / np.sqrt(2) if setting.bent else score
        rest = np.sqrt(1 - setting.strength**2)
        return replace(
            plain,
            values=setting.strength * shape_of + rest * rng.standard_normal(shape) + GAIN * arm,
            scores=score,
        )
    if not setting.weight:
        # The reward came first; a score that fits it: uniform around 0.5, drawn towards it.
        high = setting.strength * np.sqrt(rng.random(shape))
        score = np.where(rng.random(shape) < 0.5 + high / 2, 1, -1) * high * (2 * plain.values - 1)
        return replace(plain, scores=0.5 + score)
    score = 0.5 + setting.strength * (2 * rng.random(shape) - 1)
    return replace(plain, values=(rng.random(shape) < score + GAIN * arm).astype(float), scores=score)


def row(setting: Setting) -> str:
    """Returns a row."""
    made = Design(("old", "new"), "old", binary=not setting.number, planned=PlannedConfig(units=UNITS // 2))
    missed, width = np.zeros(2), np.zeros(2)
    for number in range(0, EXPERIMENTS, AT_ONCE):
        units = units_of(setting, np.random.default_rng([number, round(100 * setting.strength)]))
        both = looks(made, units, "new"), looks(made, replace(units, scores=None), "new")
        opened = np.isfinite(both[0].half[:, -1]) & np.isfinite(both[1].half[:, -1])
        missed += [seen.missed(GAIN).sum() for seen in both]
        width += [seen.half[opened, -1].sum() for seen in both]
    with_, without = missed / EXPERIMENTS
    ratio = width[0] / width[1]
    return f"| {setting.name} | **{with_:.1%}** | {without:.1%} | {ratio:.0%} | {1 - ratio**2:.0%} |"


def main() -> None:
    """Prints the table."""
    began = time.process_time()
    print(
        f"| units, arm better by {GAIN:g} | ever missed with the score, of {EXPERIMENTS:,} | without | width with it | units saved |"
    )
    print("|---|---|---|---|---|")
    for setting in SETTINGS:
        print(row(setting), flush=True)
    print(f"{time.process_time() - began:.0f} s of processor time", file=sys.stderr)


if __name__ == "__main__":
    main()
