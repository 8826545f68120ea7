"""The G-test of two samples over the same bins, corrected for rows that belong together, and PSI as its effect."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse, stats

from components.validation_gate.calibrated.bins import Binned

UNSEEN_DRAWS = 20_000
"""Simulated samples behind the probability of this many unseen values."""


@dataclass(frozen=True)
class Compared:
    """What the comparison of two samples found.

    Attributes:
        psi: Population stability index over the bins, in nats.
        chance: Its mean if nothing changed: degrees of freedom x (1/n + 1/m) x design effect.
        p: Probability of a difference as large if nothing changed.
        freedom: Degrees of freedom of the test.
        design: Design effect: 1 for independent rows, more if rows of a group are alike, less if both samples hold the
            same rows.
        h: 1/n + 1/m.
        told_apart: Whether the test has bins to compare although the values differ.
        unseen: PSI of values that the reference lacks against the share expected by chance.
        unseen_p: Probability of as many of them if nothing changed; 1 where no value is rare.
    """

    psi: float
    chance: float
    p: float
    freedom: float
    design: float
    h: float
    told_apart: bool = True
    unseen: float = 0.0
    unseen_p: float = 1.0

    @property
    def excess(self) -> float:
        """PSI beyond chance, or that of unseen values if it is larger and surer."""
        main = self.psi - self.chance
        return max(main, self.unseen) if self.unseen_p < self.p else main

    @property
    def probability(self) -> float:
        """One probability for both looks at the feature."""
        return min(1.0, 2 * min(self.p, self.unseen_p)) if self.unseen_p < 1 else self.p

    def power(self, size: float, level: float) -> float:
        """Returns how often a change of this PSI would be found at this level; never where all values were pooled."""
        if not self.told_apart:
            return 0.0
        freedom = max(1.0, self.freedom)
        critical = stats.chi2.isf(level, freedom)
        return float(stats.ncx2.sf(critical, freedom, size / (self.h * self.design)))

    def usual(self, level: float) -> float:
        """Returns the PSI beyond chance that equal data exceed with this probability."""
        freedom = max(1.0, self.freedom)
        return float((stats.chi2.isf(level, freedom) / freedom - 1) * max(self.chance, self.h * self.design))


def compare(bins: Binned) -> Compared:
    """Returns the G-test with Williams' correction; where rows belong together, with Rao and Scott's of second order.

    Source: Rao and Scott, The Annals of Statistics 12 (1984); Williams, Biometrika 63 (1976). Under no change PSI is
    chi-square distributed with bins - 1 degrees of freedom, times 1/n + 1/m.
    """
    first, second = bins.counts()
    n, m = int(first.sum()), int(second.sum())
    h = 1 / n + 1 / m
    freedom = len(first) - 1
    unseen, unseen_p = _unseen(bins, m / (n + m))
    if freedom < 1:
        return Compared(0.0, 0.0, 1.0, 0.0, 1.0, h, not bins.varied, unseen, unseen_p)
    g = g_statistic(first, second)
    weights = _weights(bins, first, second) if _belong_together(bins) else None
    if weights is None:
        total, squares, groups = float(freedom), float(freedom), 0
        p = float(stats.chi2.sf(g, freedom))
    else:
        total, squares, groups = weights
        p = _satterthwaite(g, total, squares, groups)
    return Compared(
        psi(first, second), total * h, p, total**2 / squares, total / freedom, h, True, unseen, unseen_p
    )


def _satterthwaite(g: float, total: float, squares: float, groups: int) -> float:
    """Returns the probability of ``g`` under a weighted sum of chi-squares whose weights are estimated from groups."""
    freedom = total**2 / squares
    return float(stats.f.sf(g / total, freedom, max(1.0, groups - 1.0)))


def g_statistic(first: np.ndarray, second: np.ndarray) -> float:
    """Returns Williams' corrected G of [b] counts of two samples."""
    table = np.stack([first, second]).astype(np.float64)
    rows, columns, whole = table.sum(axis=1), table.sum(axis=0), table.sum()
    expected = rows[:, None] * columns / whole
    filled = table > 0
    g = 2 * float((table[filled] * np.log(table[filled] / expected[filled])).sum())
    freedom = len(first) - 1
    correction = 1 + (whole * (1 / rows).sum() - 1) * (whole * (1 / columns).sum() - 1) / (
        6 * whole * freedom
    )
    return max(0.0, g / correction)


def psi(first: np.ndarray, second: np.ndarray) -> float:
    """Returns the population stability index of [b] counts, in nats, with half a row added to each bin."""
    p = (first + 0.5) / (first.sum() + 0.5 * len(first))
    q = (second + 0.5) / (second.sum() + 0.5 * len(second))
    return float(((q - p) * np.log(q / p)).sum())


def _belong_together(bins: Binned) -> bool:
    groups = np.concatenate([bins.before.group, bins.now.group])
    return len(np.unique(groups)) < len(groups)


def _weights(bins: Binned, first: np.ndarray, second: np.ndarray) -> tuple[float, float, int]:
    """Returns the sum of the weights, the sum of their squares, and the number of groups.

    The weights are the eigenvalues of the covariance of the difference of shares, estimated from the groups' sums and
    relative to that of independent rows. A group on both sides enters with both, so that rows which both samples hold
    cancel out.
    """
    n, m, size = int(first.sum()), int(second.sum()), len(first)
    groups = np.concatenate([bins.before.group, bins.now.group])
    _, place = np.unique(groups, return_inverse=True)
    codes = np.concatenate([bins.before.codes, bins.now.codes])
    signs = np.concatenate([np.full(n, -1 / n), np.full(m, 1 / m)])
    count = int(place.max()) + 1
    shares = sparse.coo_matrix((signs, (place, codes)), shape=(count, size)).tocsr()
    sides = np.stack(
        [np.bincount(place[:n], minlength=count) / -n, np.bincount(place[n:], minlength=count) / m], 1
    )
    means = np.stack([first / n, second / m])
    cross = np.asarray(shares.T @ sides) @ means
    covariance = (shares.T @ shares).toarray() - cross - cross.T + means.T @ (sides.T @ sides) @ means
    covariance *= count / max(1, count - 1)
    scale = np.sqrt((first + second) / (n + m) * (1 / n + 1 / m))
    relative = covariance / np.outer(scale, scale)
    total = max(float(np.trace(relative)), 1e-12)
    # The square of an estimate is too large by its variance, about total² / groups.
    squares = float((relative**2).sum()) - total**2 / count
    return total, max(squares, total**2 / (size - 1)), count


def _unseen(bins: Binned, share: float) -> tuple[float, float]:
    """Returns how far values unknown to the reference go beyond what rare values give by chance, and how probable.

    A value that c groups have is missing on one side by chance with probability share^c; their number is simulated with a fixed seed.
    """
    if not len(bins.rare):
        return 0.0, 1.0
    groups, kinds = np.unique(bins.rare, return_counts=True)
    chance = share ** groups.astype(np.float64)
    rng = np.random.default_rng(0)
    drawn = rng.binomial(kinds, chance, size=(UNSEEN_DRAWS, len(kinds))) @ groups
    p = float((1 + (drawn >= bins.unseen).sum()) / (1 + UNSEEN_DRAWS))
    expected = (float((kinds * chance * groups).sum()) + 0.5) / (bins.holders + 1)
    seen = (bins.unseen + 0.5) / (bins.holders + 1)
    if seen <= expected or seen >= 1 or expected >= 1:
        return 0.0, max(p, 1e-300)
    return float((seen - expected) * (np.log(seen / expected) - np.log((1 - seen) / (1 - expected)))), p
