"""Each arm's probability of being the best, given its rewards so far: for reading, not for stopping."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serving.experiments.modes.mode import ArmRewards

if TYPE_CHECKING:
    from serving.experiments.statistics.evidence import Evidence
    from serving.experiments.statistics.moments import Moments

DRAWS = 4096
"""Draws from the posterior; a probability of 50% is then known to 0.8 points."""


def best(evidence: Evidence, draws: int = DRAWS, seed: int = 0) -> dict[str, float]:
    """Returns the share of posterior draws in which each arm is the best.

    The posterior is that of the ``thompson`` mode: Beta(1 + successes, 1 + failures), and normal-inverse-gamma for numbers.

    Args:
        evidence: What was seen so far.
        draws: Number of draws.
        seed: Seed of the draws.
    """
    import numpy as np

    from serving.experiments.modes.thompson import best_shares, beta_draws, normal_draws

    design = evidence.design
    arms = [_rewards(arm, evidence.means[arm].values) for arm in design.arms]
    drawn = (beta_draws if design.binary else normal_draws)(arms, draws, np.random.default_rng(seed))
    sign = 1.0 if design.planned.better == "higher" else -1.0
    return dict(zip(design.arms, best_shares(sign * drawn), strict=True))


def _rewards(arm: str, values: Moments) -> ArmRewards:
    n, mean = values.count, values.mean
    return ArmRewards(arm, n, n * mean, values.squares + n * mean * mean)
