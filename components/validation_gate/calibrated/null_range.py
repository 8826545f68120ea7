"""What TFDV's own distances are between two samples of one distribution, simulated from the reference."""

from __future__ import annotations

import numpy as np
import pandas as pd

from components.validation_gate.calibrated.columns import Column

SAMPLES = 200
"""Simulated comparisons."""
SHARE = 0.95
"""Share of the comparisons that stay below what is told."""
BUCKETS = 10
"""Buckets of equal width that TFDV compares numbers by."""
QUANTILES = 1000
"""Quantiles from which TFDV interpolates those buckets."""


def usual_distance(kind: str, before: Column, now: Column, seed: int = 0) -> float | None:
    """Returns the distance that two samples of the reference, of these sizes, stay below in 95 of 100 cases.

    Args:
        kind: ``l_infinity`` or ``jensen_shannon``.
        before: The reference.
        now: What is compared with it; only its number of values counts.
        seed: Seed of the simulation.

    Returns:
        The distance; None if either side has no values.
    """
    values = before.values if before.is_text else before.values[np.isfinite(before.values)]
    sizes = len(values), len(now.values)
    if not min(sizes):
        return None
    rng = np.random.default_rng(seed)
    if before.is_text:
        codes, names = pd.factorize(values)
        counts = np.bincount(codes, minlength=len(names)) / len(codes)
        shares = [rng.multinomial(size, counts, SAMPLES) / size for size in sizes]
        found = np.abs(shares[0] - shares[1]).max(axis=1) if kind == "l_infinity" else divergence(*shares)
    else:
        found = np.array([_numbers(*(rng.choice(values, size) for size in sizes)) for _ in range(SAMPLES)])
    return float(np.quantile(found, SHARE))


def _numbers(first: np.ndarray, second: np.ndarray) -> float:
    """Returns the Jensen-Shannon divergence of two samples as TFDV computes it."""
    (counts_a, edges_a), (counts_b, edges_b) = histogram(first), histogram(second)
    edges = np.unique(np.concatenate([edges_a, edges_b]))
    shares = [
        np.diff(np.interp(edges, own, np.concatenate([[0.0], np.cumsum(counts)]))) / counts.sum()
        for counts, own in ((counts_a, edges_a), (counts_b, edges_b))
    ]
    return float(divergence(shares[0][None], shares[1][None])[0]) if len(edges) > 1 else 0.0


def histogram(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns [10] counts and [11] edges of buckets of equal width, interpolated as TFDV does.

    Source: ``generate_equi_width_histogram`` in ``tensorflow_data_validation/utils/quantiles_util.py``.
    """
    unique, counts = np.unique(values, return_counts=True)
    upto = np.cumsum(counts)
    if len(unique) > QUANTILES:
        wanted = np.arange(QUANTILES + 1) * len(values) / QUANTILES
        kept = np.unique(np.minimum(np.searchsorted(upto, wanted), len(unique) - 1))
        unique, upto = unique[kept], upto[kept]
    edges = np.linspace(unique[0], unique[-1], BUCKETS + 1)
    below = np.interp(edges, unique, upto)
    below[0] = 0.0
    return np.diff(below), edges


def divergence(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Returns [s] Jensen-Shannon divergences to base 2 of [s, b] shares."""
    middle = (p + q) / 2

    def half(part: np.ndarray) -> np.ndarray:
        logs = np.log2(np.divide(part, middle, out=np.ones_like(part), where=part > 0))
        summed: np.ndarray = (part * logs).sum(axis=1) / 2
        return summed

    return half(p) + half(q)
