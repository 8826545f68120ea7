"""Thompson sampling: an arm's share is its probability of being the best, given the rewards so far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from serving.experiments.modes.mode import LEARNING, ArmRewards, Mode

if TYPE_CHECKING:
    import numpy.typing as npt

_PRIOR_UNITS = 1.0
"""What the prior on a numeric reward's mean weighs, in units."""


class Thompson(Mode):
    """Posterior Beta(1 + successes, 1 + failures) for 0/1 rewards, normal-inverse-gamma for numbers.

    Sampling each request anew under a posterior that is frozen for an interval gives each arm exactly its probability of
    being best. That probability, from ``draws`` joint draws, is the share.
    """

    type: ClassVar[str] = "thompson"
    keys: ClassVar[frozenset[str]] = LEARNING | {"draws"}

    def wishes(self, arms: Sequence[ArmRewards], rng: Any) -> list[float]:
        """Returns the probabilities of being best."""
        draws = beta_draws if self.binary else normal_draws
        return best_shares(draws(arms, self.config.draws, rng))


def beta_draws(arms: Sequence[ArmRewards], count: int, rng: Any) -> npt.NDArray[Any]:
    """Returns draws of the arms' success rates, shape [count, arms]; prior Beta(1, 1)."""
    import numpy as np

    wins = np.clip([arm.total for arm in arms], 0, None)
    losses = np.clip([arm.units - arm.total for arm in arms], 0, None)
    drawn: npt.NDArray[Any] = rng.beta(1 + wins, 1 + losses, size=(count, len(arms)))
    return drawn


def normal_draws(arms: Sequence[ArmRewards], count: int, rng: Any) -> npt.NDArray[Any]:
    """Returns draws of the arms' mean rewards, shape [count, arms].

    Normal-inverse-gamma: mean m, weight k, shape a and scale b; the mean's marginal is Student's t with 2a degrees of
    freedom (Murphy, "Conjugate Bayesian analysis of the Gaussian distribution", 2007, section 3). The prior is empirical, so
    that the unit of the reward does not matter: all arms' common mean and variance, with the weight of one unit.
    """
    import numpy as np

    units, total, squares = (
        np.array([getattr(arm, key) for arm in arms]) for key in ("units", "total", "squares")
    )
    everything = max(units.sum(), 1.0)
    centre = total.sum() / everything
    variance = max(squares.sum() / everything - centre**2, 0.0) or 1.0
    mean = np.where(units > 0, total / np.where(units > 0, units, 1), centre)
    spread = np.maximum(squares - units * mean**2, 0.0)
    weight, shape = _PRIOR_UNITS + units, 1.0 + units / 2
    middle = (_PRIOR_UNITS * centre + units * mean) / weight
    scale = variance + 0.5 * spread + 0.5 * _PRIOR_UNITS * units * (mean - centre) ** 2 / weight
    drawn: npt.NDArray[Any] = middle + np.sqrt(scale / (shape * weight)) * rng.standard_t(
        2 * shape, size=(count, len(arms))
    )
    return drawn


def best_shares(draws: npt.NDArray[Any]) -> list[float]:
    """Returns each arm's share of draws in which it is the best; draws have shape [count, arms]."""
    import numpy as np

    wins = np.bincount(draws.argmax(axis=1), minlength=draws.shape[1])
    return [float(share) for share in wins / len(draws)]
