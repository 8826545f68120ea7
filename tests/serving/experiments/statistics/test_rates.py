"""The exact interval of a difference of rates holds the truth from the first unit on."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy.special import betaln

from serving.experiments.statistics.rates import RateDifference, log_evidence
from serving.experiments.statistics.simulate.exact import counts_at, excluded
from serving.experiments.statistics.simulate.streams import binary, fixed
from tests.serving.experiments.statistics.units import design


@pytest.mark.parametrize(("successes", "units", "rate"), [(0, 5, 0.1), (3, 40, 0.2), (40, 40, 0.9)])
def test_the_evidence_is_the_beta_mixture(successes: int, units: int, rate: float) -> None:
    fit = successes * math.log(rate) + (units - successes) * math.log(1 - rate)
    expected = betaln(successes + 0.5, units - successes + 0.5) - betaln(0.5, 0.5) - fit
    assert log_evidence(successes, units, rate) == pytest.approx(expected, abs=1e-9)


def test_the_mean_evidence_under_the_truth_is_one() -> None:
    rate, total = 0.3, 0.0
    for successes in range(11):
        chance = math.comb(10, successes) * rate**successes * (1 - rate) ** (10 - successes)
        total += chance * math.exp(log_evidence(successes, 10, rate))
    assert total == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize(
    "counts", [((0, 1), (0, 1)), ((0, 50), (7, 50)), ((50, 50), (50, 50)), ((3, 9_000), (30, 400))]
)
def test_the_ends_are_where_the_evidence_reaches_one_over_alpha(counts: tuple[tuple[int, int], ...]) -> None:
    rates = RateDifference()
    for challenger, (successes, units) in enumerate(counts):
        rates.add(bool(challenger), successes, units)
    seen = rates.interval(0.05)
    assert seen.low is not None and seen.high is not None and seen.estimate is not None
    assert -1 <= seen.low <= seen.estimate <= seen.high <= 1
    for end, step in ((seen.low, 1e-6), (seen.high, -1e-6)):
        if abs(end) < 1:
            assert not rates.excludes(end + step, 0.05)
            assert rates.excludes(end - step, 0.05)


def test_it_is_narrower_than_two_intervals_at_half_of_alpha() -> None:
    rates = RateDifference([1000, 1000], [200, 230])
    seen = rates.interval(0.05)
    assert seen.low is not None and seen.high is not None
    ends = []
    for side in (0, 1):
        inside = [
            p
            for p in np.linspace(0, 1, 20_001)
            if log_evidence(rates.successes[side], 1000, p) < math.log(40)
        ]
        ends.append((min(inside), max(inside)))
    assert seen.high - seen.low < 0.85 * (ends[1][1] - ends[0][0] - (ends[1][0] - ends[0][1]))


def test_a_guardrail_is_raised_by_failures_that_control_never_has() -> None:
    rates = RateDifference()
    rates.add(False, 0, 1000)
    rates.add(True, 0, 20)
    assert not rates.exceeds(0.0, 0.01)
    rates.add(True, 6, 6)
    assert rates.exceeds(0.0, 0.01)
    assert not rates.exceeds(0.5, 0.01)


def test_under_a_null_it_misses_less_than_alpha_however_often_one_looks() -> None:
    made, rng = design(), np.random.default_rng(8)
    units = fixed(rng, (400, 2000), (0.5, 0.5), binary((0.05, 0.05)))
    above, below = excluded(*counts_at(made, units, "new", np.arange(1, 2001, 10)), 0.0, 0.05)
    assert (above | below).any(axis=1).mean() <= 0.02


def test_arrays_and_the_class_agree() -> None:
    made, rng = design(), np.random.default_rng(9)
    units, at = fixed(rng, (3, 800), (0.7, 0.3), binary((0.2, 0.4))), np.array([30, 200, 800])
    counts, successes = counts_at(made, units, "new", at)
    above, below = excluded(counts, successes, 0.05, 0.05)
    for row in range(3):
        for look in range(3):
            rates = RateDifference(
                counts[:, row, look].astype(int).tolist(), successes[:, row, look].astype(int).tolist()
            )
            assert rates.excludes(0.05, 0.05) == bool(above[row, look] | below[row, look])


def test_the_state_goes_through_json_unchanged() -> None:
    rates = RateDifference([10, 20], [1, 5])
    assert RateDifference.from_json(json.loads(json.dumps(rates.to_json()))) == rates
