"""The simulations see what the product says: the arrays hold the same numbers as one comparison, unit by unit."""

from __future__ import annotations

import numpy as np
import pytest

from serving.experiments.statistics.evidence import Evidence
from serving.experiments.statistics.simulate.looks import Units, looks
from tests.serving.experiments.statistics.units import design, unit


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "number"])
@pytest.mark.parametrize("scored", [False, True], ids=["alone", "scored"])
@pytest.mark.parametrize("sides", ["one", "two"])
def test_arrays_and_the_comparison_agree_after_every_unit(binary: bool, scored: bool, sides: str) -> None:
    made, rng, n = (
        design(("old", "new", "far"), binary=binary, sides=sides, units=500),
        np.random.default_rng(3),
        900,
    )
    shares = np.where(np.arange(n)[:, None] < 400, [0.5, 0.3, 0.2], [0.2, 0.7, 0.1])
    arms = (rng.random((n, 1)) > shares.cumsum(axis=1)).sum(axis=1)
    score = rng.random(n)
    value = (rng.random(n) < 0.1 + 0.5 * score).astype(float) if binary else 100 + score + rng.normal(size=n)
    seen = looks(
        made, Units(arms[None], value[None], list(shares.T[:, None]), score[None] if scored else None), "new"
    )
    evidence = Evidence(made)
    for i in range(n):
        q = dict(zip(made.arms, shares[i].tolist(), strict=True))
        given = float(score[i]) if scored else None
        evidence.take([unit(made.arms[arms[i]], float(value[i]), q, covariate=given)])
        now = evidence.interval("new")
        if now.low is not None and now.high is not None:
            assert now.estimate == pytest.approx(seen.estimate[0, i], abs=1e-6)
            assert (now.high - now.low) / 2 == pytest.approx(seen.half[0, i], rel=1e-4)
        else:
            assert np.isinf(seen.half[0, i])
    assert np.isfinite(seen.half[0, -1])


def test_where_probabilities_follow_the_unit_s_kind_both_know_of_the_skewness() -> None:
    made, rng, n = design(units=500), np.random.default_rng(5), 1200
    kind = rng.integers(0, 2, n)
    share = np.where(kind == 1, 0.9, 0.1)
    arms = (rng.random(n) < share).astype(int)
    value = (rng.random(n) < np.where(kind == 1, 0.1, 0.9)).astype(float)
    seen = looks(made, Units(arms[None], value[None], [1 - share[None], share[None]]), "new")
    evidence = Evidence(made)
    for i in range(n):
        q = {"old": 1 - float(share[i]), "new": float(share[i])}
        evidence.take([unit(made.arms[arms[i]], float(value[i]), q)])
    comparison = evidence.comparisons["new"]
    assert comparison.variance > comparison.pseudo.squares + sum(comparison.largest)
    assert comparison.variance == pytest.approx(seen.variance[0, -1], rel=1e-6)
