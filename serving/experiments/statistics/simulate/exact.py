"""The exact interval's verdict at some looks of many experiments at once; the same numbers as ``RateDifference``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from serving.experiments.statistics.design import Design
    from serving.experiments.statistics.simulate.looks import Units

    Array = np.ndarray[Any, Any]

_LOOKS = 100
_STEPS = 44


def look_points(units: int) -> Array:
    """Returns after how many units it is looked: about a hundred times, more often in the beginning."""
    import numpy as np

    return np.unique(np.geomspace(20, units, _LOOKS).astype(int))


def counts_at(design: Design, units: Units, arm: str, at: Array) -> tuple[Array, Array]:
    """Returns units and successes of control and of the arm at each look; arrays of side × experiment × look."""
    import numpy as np

    sides = [units.arms == design.arms.index(name) for name in (design.control, arm)]
    counts = np.stack([side.cumsum(axis=1)[:, at - 1] for side in sides])
    successes = np.stack([(side * units.values).cumsum(axis=1)[:, at - 1] for side in sides])
    return counts, successes


def excluded(counts: Array, successes: Array, difference: float, alpha: float) -> tuple[Array, Array]:
    """Returns at which looks a difference is below the interval, and at which it is above.

    Args:
        counts: Units of control and of the arm; the first axis has these two.
        successes: Their rewards of 1.
        difference: The difference.
        alpha: Chance of ever missing.
    """
    import numpy as np

    failures = counts - successes
    low = np.full(counts.shape[1:], max(0.0, -difference))
    high = np.full(counts.shape[1:], min(1.0, 1.0 - difference))
    for _ in range(_STEPS):
        middle = (low + high) / 2
        rates = np.clip(np.stack([middle, middle + difference]), 1e-300, 1.0)
        slope = (failures / np.maximum(1 - rates, 1e-300) - successes / rates).sum(axis=0)
        low, high = np.where(slope > 0, low, middle), np.where(slope > 0, middle, high)
    rates = np.clip(np.stack([low, low + difference]), 0.0, 1.0)
    outside = _log_evidence(counts, successes, rates).sum(axis=0) >= -math.log(alpha)
    estimate = successes[1] / np.maximum(1, counts[1]) - successes[0] / np.maximum(1, counts[0])
    return outside & (estimate > difference), outside & (estimate < difference)


def _log_evidence(counts: Array, successes: Array, rates: Array) -> Array:
    import numpy as np
    from scipy.special import gammaln, xlogy

    failures = counts - successes
    beta = gammaln(successes + 0.5) + gammaln(failures + 0.5) - gammaln(counts + 1.0)
    return np.asarray(beta - math.log(math.pi) - xlogy(successes, rates) - xlogy(failures, 1 - rates))
