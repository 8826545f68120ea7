"""Radius of the asymptotic confidence sequence: an interval that holds at all times at once, however often it is looked at.

Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, Time-uniform central limit theory and asymptotic confidence
sequences, Annals of Statistics 2024 (arXiv 2103.06476). With V the sum of the variances of t observations and r a
constant, ``sqrt(2 (V r + 1) / r * ln(sqrt(V r + 1) / alpha)) / t``.
"""

from __future__ import annotations

import math


def tuned(variance: float, alpha: float) -> float:
    """Returns the constant r at which the sequence is narrowest when the variances sum up to ``variance``.

    It solves ``r V = -W(-alpha**2 / e) - 1`` on Lambert's lower branch: with ``u = r V``, ``u - ln(1 + u) = -2 ln alpha``.

    Args:
        variance: Sum of the variances at the planned size.
        alpha: Chance of ever missing.
    """
    goal = -2.0 * math.log(alpha)
    u = goal + math.log1p(goal) + 1.0
    for _ in range(50):
        step = (u - math.log1p(u) - goal) * (1.0 + u) / u
        u -= step
        if abs(step) <= 1e-13 * u:
            break
    return u / variance


def radius(variance: float, r: float, alpha: float, sides: int = 2) -> float:
    """Returns how far the *sum* of the observations may be from its expectation; divide by t for the mean.

    Args:
        variance: Sum of the variances so far, V.
        r: The constant from ``tuned``.
        alpha: Chance of ever missing, at both ends together or, with one side, at that end.
        sides: 2 or 1. One side mixes over half a normal distribution, ``ln(1 + sqrt(V r + 1) / (2 alpha))``.
    """
    scaled = variance * r + 1.0
    log_odds = (
        math.log(math.sqrt(scaled) / alpha) if sides == 2 else math.log1p(math.sqrt(scaled) / (2.0 * alpha))
    )
    return math.sqrt(2.0 * scaled / r * log_odds)
