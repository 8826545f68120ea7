"""What TFDV's own distances are between two samples of one distribution, simulated from both."""

from __future__ import annotations

import numpy as np
import pandas as pd

from components.validation_gate.calibrated.columns import Column

SAMPLES, FEWEST_SAMPLES = 200, 40
"""Simulated comparisons; of many numbers fewer, so that ``MOST_DRAWN`` are dealt in all."""
MOST_DRAWN = 20_000_000
SHARE = 0.95
"""Share of the comparisons that stay below what is told."""
BUCKETS = 10
"""Buckets of equal width that TFDV compares numbers by."""
QUANTILES = 1000
"""Quantiles from which TFDV interpolates those buckets."""


def usual_distance(kind: str, before: Column, now: Column, seed: int = 0) -> float | None:
    """Returns the distance that two samples of one distribution, of these sizes, stay below in 95 of 100 cases.

    Both samples are put together and dealt anew at random, up to 200 times: that is what they are if nothing changed. Drawing
    from the reference with replacement instead gives both sides the same extremes and so too small a distance.

    Args:
        kind: ``l_infinity`` or ``jensen_shannon``.
        before: The reference.
        now: What is compared with it.
        seed: Seed of the simulation.

    Returns:
        The distance; None if either side has no values, or one has text and the other numbers.
    """
    sizes = len(before.values), len(now.values)
    if not min(sizes) or before.is_text != now.is_text:
        return None
    rng = np.random.default_rng(seed)
    together = np.concatenate([before.values, now.values])
    if before.is_text:
        codes, _ = pd.factorize(together)
        counts = np.bincount(codes)
        first = rng.multivariate_hypergeometric(counts, sizes[0], SAMPLES, method="marginals")
        shares = first / sizes[0], (counts - first) / sizes[1]
        found = np.abs(shares[0] - shares[1]).max(axis=1) if kind == "l_infinity" else divergence(*shares)
        return float(np.quantile(found, SHARE))
    ordered = np.sort(together[np.isfinite(together)])
    share = sizes[0] / sum(sizes)
    times = max(FEWEST_SAMPLES, min(SAMPLES, MOST_DRAWN // max(1, len(ordered))))
    dealt = (rng.random(len(ordered)) < share for _ in range(times))
    measured = [_numbers(ordered[mine], ordered[~mine]) for mine in dealt if mine.any() and not mine.all()]
    return float(np.quantile(measured, SHARE)) if measured else None


def _numbers(first: np.ndarray, second: np.ndarray) -> float:
    """Returns the Jensen-Shannon divergence of two ordered samples as TFDV computes it."""
    (counts_a, edges_a), (counts_b, edges_b) = histogram(first), histogram(second)
    edges = np.unique(np.concatenate([edges_a, edges_b]))
    shares = [
        np.diff(np.interp(edges, own, np.concatenate([[0.0], np.cumsum(counts)]))) / counts.sum()
        for counts, own in ((counts_a, edges_a), (counts_b, edges_b))
    ]
    return float(divergence(shares[0][None], shares[1][None])[0]) if len(edges) > 1 else 0.0


def histogram(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns [10] counts and [11] edges of buckets of equal width, interpolated as TFDV does.

    Args:
        values: [n] finite numbers in order.

    Source: ``generate_equi_width_histogram`` in ``tensorflow_data_validation/utils/quantiles_util.py``.
    """
    upto: np.ndarray = np.append(np.flatnonzero(values[1:] != values[:-1]) + 1, len(values))
    unique = values[upto - 1]
    wanted = np.arange(QUANTILES + 1) * (len(values) / QUANTILES)
    places, times = np.unique(np.minimum(np.searchsorted(upto, wanted), len(unique) - 1), return_counts=True)
    points, below = unique[places], upto[places].astype(np.float64)
    edges = np.linspace(points[0], points[-1], BUCKETS + 1)
    reached = np.searchsorted(points, edges, side="right")
    after = np.minimum(reached, len(points) - 1)
    width = np.where(reached < len(points), points[after] - points[reached - 1], np.inf)
    # A value that is several quantiles is a point, but for one of them, which TFDV spreads to the value before.
    spread = (below[after] - below[reached - 1]) / times[after]
    upto_edge = below[reached - 1] + spread * (edges - points[reached - 1]) / width
    upto_edge[0], upto_edge[-1] = 0.0, below[-1]
    return np.diff(upto_edge), edges


def divergence(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Returns [s] Jensen-Shannon divergences to base 2 of [s, b] shares."""
    middle = (p + q) / 2

    def half(part: np.ndarray) -> np.ndarray:
        logs = np.log2(np.divide(part, middle, out=np.ones_like(part), where=part > 0))
        summed: np.ndarray = (part * logs).sum(axis=1) / 2
        return summed

    return half(p) + half(q)
