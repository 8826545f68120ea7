"""Decides for several features at once whether they changed: test, size of practical interest, number of rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from components.validation_gate.calibrated.bins import Binned, binned
from components.validation_gate.calibrated.columns import Column
from components.validation_gate.calibrated.statistic import Compared, compare
from components.validation_gate.result import Bin, Distance, Outcome

LEVEL = 0.05
"""Share of false alarms among the features called changed (Benjamini-Hochberg); of all runs with no change at most as
many have an alarm."""
ENOUGH_POWER = 0.5
"""Below this chance to find a change of the practical size there are too few rows."""
MOST_BINS_TOLD = 20
"""Of more bins, those that moved most are told and the others are one."""
OTHERS = "others"

Teller = Callable[[str, int], bool]
"""Says of a text value, with the number of rows that have it, whether it may be told."""


@dataclass(frozen=True)
class Pair:
    """One feature on both sides.

    Attributes:
        feature: Name of the feature.
        size: PSI beyond chance that matters.
        before: The reference.
        now: What is compared with it.
        may_be_told: Says which of its text values may be shown.
        is_date: Whether its numbers are dates in milliseconds since 1970.
    """

    feature: str
    size: float
    before: Column
    now: Column
    may_be_told: Teller
    is_date: bool = False


def judge(pairs: Sequence[Pair]) -> list[Distance]:
    """Returns for each feature whether it changed, in order.

    A feature is beyond its bound if the test rejects after Benjamini-Hochberg over all features and PSI beyond chance
    exceeds the size of practical interest. Otherwise there are too few rows if a change of that size, in this feature
    alone, would be found less than half of the time.
    """
    found: list[tuple[Pair, Binned, Compared]] = []
    for pair in pairs:
        bins = binned(pair.before, pair.now, pair.is_date)
        found.append((pair, bins, compare(bins)))
    if not found:
        return []
    adjusted = stats.false_discovery_control([min(1.0, c.probability) for *_, c in found])
    return [
        _distance(pair, bins, compared, float(p), LEVEL / len(found))
        for (pair, bins, compared), p in zip(found, adjusted, strict=True)
    ]


def _distance(pair: Pair, bins: Binned, compared: Compared, p: float, level: float) -> Distance:
    power = compared.power(pair.size, level)
    outcome: Outcome = "within bound"
    note = ""
    if p <= LEVEL and compared.excess > pair.size:
        outcome = "beyond bound"
    elif power < ENOUGH_POWER:
        outcome, note = "too few rows", _too_few(pair, compared, power, level)
    return Distance(
        pair.feature,
        "calibrated",
        _formula(bins, compared),
        compared.excess,
        pair.size,
        outcome,
        note,
        compared.usual(LEVEL),
        pair.now.rows,
        pair.before.rows,
        p,
        compared.design,
        told(bins, pair.may_be_told),
    )


def _formula(bins: Binned, compared: Compared) -> str:
    size = len(bins.labels)
    together = (
        "" if abs(compared.design - 1) < 0.005 else f" × {compared.design:.3g} for rows that belong together"
    )
    return (
        f"PSI over {size} bin{'s' * (size != 1)} less its mean under no change, {compared.chance:.4f} = "
        f"{max(0, size - 1)} × (1/{bins.before.n:,} + 1/{bins.now.n:,}){together}; G-test, Benjamini-Hochberg"
    )


def _too_few(pair: Pair, compared: Compared, power: float, level: float) -> str:
    freedom = max(1.0, compared.freedom)
    critical = stats.chi2.isf(level, freedom)
    needed = optimize.brentq(
        lambda shift: stats.ncx2.sf(critical, freedom, shift) - ENOUGH_POWER, 1e-6, 10 * critical + 100
    )
    times = max(1.0, needed * compared.h * compared.design / pair.size)
    rows = math.ceil(times * max(1, min(pair.before.rows, pair.now.rows)))
    digits = 10 ** max(0, len(str(rows)) - 2)
    return (
        f"a change of PSI {pair.size:g} would be found in {100 * power:.0f} of 100 cases; it takes about "
        f"{math.ceil(rows / digits) * digits:,} rows on each side"
    )


def told(bins: Binned, may_be_told: Teller) -> tuple[Bin, ...]:
    """Returns the bins with their shares; values that may not be told are numbered."""
    first, second = bins.counts()
    before, now = first / max(1, first.sum()), second / max(1, second.sum())
    hidden = 0
    shown = []
    for i, label in enumerate(bins.labels):
        if bins.are_values and not may_be_told(label, int(first[i] + second[i])):
            hidden += 1
            label = f"value {hidden}, not shown"
        shown.append(Bin(label, float(before[i]), float(now[i])))
    if len(shown) <= MOST_BINS_TOLD:
        return tuple(shown)
    moved = sorted(range(len(shown)), key=lambda i: -abs(shown[i].now - shown[i].before))
    kept = sorted(moved[: MOST_BINS_TOLD - 1])
    rest = np.setdiff1d(np.arange(len(shown)), kept)
    others = Bin(f"{len(rest)} {OTHERS}", float(before[rest].sum()), float(now[rest].sum()))
    return (*(shown[i] for i in kept), others)
