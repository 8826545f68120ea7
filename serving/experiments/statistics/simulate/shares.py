"""The sample-ratio test of many experiments at once; the same numbers as ``SampleRatio``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from serving.experiments.statistics.srm import PRIOR

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


def log_wealth(counts: Array, shares: Array) -> Array:
    """Returns the logarithm of the wealth after each batch; experiment × batch.

    Args:
        counts: New units; experiment × batch × arm.
        shares: The intended shares, all above 0; experiment × batch × arm, or what fits to it.
    """
    import numpy as np
    from scipy.special import gammaln

    shares = np.broadcast_to(shares, counts.shape)
    seen, expected = np.zeros_like(shares[:, 0]), np.zeros_like(shares[:, 0])
    wealth, path = np.zeros(len(counts)), np.zeros(counts.shape[:2])
    for batch in range(counts.shape[1]):
        new, q = counts[:, batch], shares[:, batch]
        bet = q * (PRIOR * q + seen) / (PRIOR * q + expected)
        total = PRIOR + seen.sum(axis=1, keepdims=True)
        prior = bet * total / bet.sum(axis=1, keepdims=True)
        number = new.sum(axis=1, keepdims=True)
        wealth = wealth + (gammaln(prior + new) - gammaln(prior) - new * np.log(q)).sum(axis=1)
        wealth = wealth + (gammaln(total) - gammaln(total + number))[:, 0]
        seen, expected = seen + new, expected + number * q
        path[:, batch] = wealth
    return path
