"""How often the other intervals miss: one side, the exact one from the first unit on, and several arms that share alpha.

Run as ``python benchmarks/statistics/experiments_intervals.py``; prints Markdown tables.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import numpy as np

from serving.experiments.statistics.config import PlannedConfig
from serving.experiments.statistics.design import Design
from serving.experiments.statistics.simulate.exact import counts_at, excluded
from serving.experiments.statistics.simulate.looks import Units, looks
from serving.experiments.statistics.simulate.streams import Interval, binary, fixed, moving, thompson

EXPERIMENTS, AT_ONCE, UNITS = 1000, 25, 10_000
EVERY = 20
"""Units between two looks at the exact interval."""
Rates = tuple[float, ...]


def streams(rates: Rates, weights: Rates | None) -> Iterator[Units]:
    """Yields the units of some experiments at a time; Thompson sampling moves the weights where none are given."""
    for number in range(0, EXPERIMENTS, AT_ONCE):
        rng = np.random.default_rng([number, len(rates), round(1000 * rates[0])])
        if weights:
            yield fixed(rng, (AT_ONCE, UNITS), weights, binary(rates))
        else:
            rule = thompson(rng, 0.05, draws=100)
            yield moving(
                rng, (AT_ONCE, UNITS), [1 / len(rates)] * len(rates), binary(rates), rule, Interval(100)
            )


def design(arms: int = 2, **planned: object) -> Design:
    """Returns a design with that many arms."""
    names = ("old", "new", "far", "odd")[:arms]
    return Design(names, "old", planned=PlannedConfig.model_validate({"units": UNITS // 2, **planned}))


def one_side(rates: Rates, weights: Rates | None) -> str:
    """Returns how often each end of the one-sided interval ever missed."""
    made, truth, ends = design(sides="one"), rates[1] - rates[0], np.zeros(2)
    for units in streams(rates, weights):
        seen = looks(made, units, "new")
        ends += [
            (seen.estimate - seen.half > truth).any(axis=1).sum(),
            (seen.estimate + seen.half < truth).any(axis=1).sum(),
        ]
    return " / ".join(f"**{end:.1%}**" for end in ends / EXPERIMENTS)


def exact(rates: Rates, weights: Rates | None) -> str:
    """Returns how often the exact interval ever missed."""
    made, truth, missed = design(), rates[1] - rates[0], 0
    at = np.arange(EVERY, UNITS + 1, EVERY)
    for units in streams(rates, weights):
        above, below = excluded(*counts_at(made, units, "new", at), truth, made.alpha)
        missed += int((above | below).any(axis=1).sum())
    return f"**{missed / EXPERIMENTS:.1%}**"


def several(rates: Rates, weights: Rates | None) -> str:
    """Returns how often any of several intervals ever missed."""
    made, missed = design(len(rates)), 0
    for units in streams(rates, weights):
        ever = [
            looks(made, units, arm).missed(rate - rates[0])
            for arm, rate in zip(made.challengers, rates[1:], strict=True)
        ]
        missed += int(np.any(ever, axis=0).sum())
    return f"**{missed / EXPERIMENTS:.1%}**"


def by_context(rates: Rates, weights: Rates | None) -> str:
    """Returns how often the interval missed where a unit's probability follows its context more and more, as in a contextual bandit.

    Args:
        rates: Control's rates in two contexts that are alike in number, then the arm's.
        weights: The arm's probability in both contexts in the end; it begins at one half and changes every 100 units.
    """
    assert weights is not None
    made, table, missed = design(), np.array(rates).reshape(2, 2), 0
    sure = np.minimum(1, np.arange(UNITS) // 100 / 20)
    for number in range(0, EXPERIMENTS, AT_ONCE):
        rng = np.random.default_rng([number, round(1000 * weights[0])])
        context = rng.integers(0, 2, (AT_ONCE, UNITS))
        share = 0.5 + (np.array(weights)[context] - 0.5) * sure
        arms = (rng.random(share.shape) < share).astype(int)
        values = (rng.random(share.shape) < table[arms, context]).astype(float)
        seen = looks(made, Units(arms, values, [1 - share, share]), "new")
        missed += int(seen.missed(float(table[1].mean() - table[0].mean())).sum())
    return f"**{missed / EXPERIMENTS:.1%}**"


EVEN, UNEVEN = (0.5, 0.5), (0.9, 0.1)
ROWS = (
    ("one side, lower / upper end", one_side, (0.2, 0.2), EVEN),
    ("one side, lower / upper end", one_side, (0.2, 0.23), UNEVEN),
    ("one side, lower / upper end", one_side, (0.2, 0.2), None),
    ("exact", exact, (0.005, 0.01), EVEN),
    ("exact", exact, (0.2, 0.2), UNEVEN),
    ("exact", exact, (0.5, 0.55), EVEN),
    ("exact", exact, (0.2, 0.23), None),
    ("by context (two of them)", by_context, (0.5, 0.4, 0.7, 0.2), (0.95, 0.05)),
    ("by context (two of them)", by_context, (0.9, 0.02, 0.9, 0.02), (0.05, 0.95)),
    ("four arms, any of three", several, (0.2, 0.2, 0.2, 0.2), (0.25,) * 4),
    ("four arms, any of three", several, (0.2, 0.2, 0.23, 0.15), (0.7, 0.1, 0.1, 0.1)),
    ("four arms, any of three", several, (0.2, 0.2, 0.2, 0.2), None),
)


def main() -> None:
    """Prints the table."""
    began = time.process_time()
    print(f"| interval | rates, weights; {UNITS:,} units | ever missed, of {EXPERIMENTS:,} |")
    print("|---|---|---|")
    for name, missed, rates, weights in ROWS:
        how = "/".join(f"{100 * weight:g}" for weight in weights) if weights else "Thompson sampling"
        print(
            f"| {name} | {', '.join(f'{rate:g}' for rate in rates)}; {how} | {missed(rates, weights)} |",
            flush=True,
        )
    print(f"{time.process_time() - began:.0f} s of processor time", file=sys.stderr)


if __name__ == "__main__":
    main()
