"""How sure a loss is: Student's t on jackknife errors, one family-wise error over many slices, and the power to see a loss."""

from __future__ import annotations

import math
from collections.abc import Sequence

SLICES_ERROR = 0.01
"""How often a model that loses nowhere more than is tested against may be refused for any slice or any earlier model."""
OVERALL_ERROR = 0.04
"""How often an equal model may be refused for a comparison over all rows; with the slices, one in twenty."""
MOST = 2.0
"""How many times the allowed loss a comparison over all rows refuses whatever chance may do."""
ENDS = 0.975
"""Quantile of an end of a 95% interval."""


def chance(loss: float, error: float, freedom: int) -> float:
    """Returns how often a loss this large or larger is measured where there is none (one-sided t test).

    Args:
        loss: The measured loss.
        error: Its standard error; 0 means that the loss is certain.
        freedom: Degrees of freedom of the error.

    Returns:
        NaN without a loss or an error.
    """
    if math.isnan(loss) or math.isnan(error) or freedom < 1:
        return math.nan
    if error == 0:
        return 0.0 if loss > 0 else 1.0
    from scipy.special import stdtr

    return float(stdtr(freedom, -loss / error))


def quantile(freedom: int, probability: float) -> float:
    """Returns a quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, probability))


def levels(chances: Sequence[float], whole: float) -> list[float]:
    """Returns the level that each test of a family is held against, so that they err together at most ``whole``.

    This is Holm's procedure (Scandinavian Journal of Statistics 6, 1979): the smallest of m probabilities is held against
    whole/m, and only if it is below it the next against whole/(m−1), and so on. It holds for tests that depend on
    each other, such as those of overlapping slices.

    Args:
        chances: [m] one-sided probabilities; a test is significant if it is at or below its level.
        whole: The family-wise error.
    """
    count = len(chances)
    found = [whole / count] * count if count else []
    for rank, place in enumerate(sorted(range(count), key=lambda i: chances[i])):
        level = whole / (count - rank)
        if not chances[place] <= level:
            break
        found[place] = level
    return found


def power(loss: float, allowed: float, error: float, freedom: int, level: float, null: float = 0.0) -> float:
    """Returns how often a true loss is measured above what is allowed, and as significant at a level.

    Args:
        loss: The true loss.
        allowed: How much is allowed.
        error: Standard error of a measured loss.
        freedom: Degrees of freedom of the error.
        level: The level of the one-sided t test; 1 if the measured loss alone decides.
        null: The loss that is tested against.
    """
    if math.isnan(error) or freedom < 1:
        return math.nan
    if error == 0:
        return float(loss > allowed)
    from scipy.special import nctdtr, stdtr

    above = float(stdtr(freedom, (loss - allowed) / error))
    if level >= 1:
        return above
    return min(above, 1.0 - float(nctdtr(freedom, (loss - null) / error, quantile(freedom, 1 - level))))
