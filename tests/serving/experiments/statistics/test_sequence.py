"""The radius of the asymptotic confidence sequence is the published one."""

from __future__ import annotations

import math

import pytest
from scipy.special import lambertw

from serving.experiments.statistics.sequence import radius, tuned


@pytest.mark.parametrize("alpha", [0.3, 0.05, 0.001, 1e-9])
def test_the_constant_solves_lamberts_equation(alpha: float) -> None:
    expected = -lambertw(-(alpha**2) / math.e, -1).real - 1
    assert tuned(1.0, alpha) == pytest.approx(expected, rel=1e-9)
    assert tuned(250.0, alpha) == pytest.approx(expected / 250, rel=1e-9)


def test_at_five_percent_it_is_the_number_of_the_literature() -> None:
    assert tuned(1.0, 0.05) == pytest.approx(8.21, abs=0.005)


@pytest.mark.parametrize("alpha", [0.3, 0.05, 0.001])
def test_no_other_constant_is_narrower_at_the_planned_size(alpha: float) -> None:
    best = tuned(1000.0, alpha)
    assert radius(1000.0, best, alpha) < min(radius(1000.0, best * factor, alpha) for factor in (0.9, 1.1))


def test_one_side_is_narrower_than_two_and_wider_than_two_at_twice_alpha() -> None:
    r = tuned(1000.0, 0.1)
    one = radius(1000.0, r, 0.05, sides=1)
    assert radius(1000.0, r, 0.1) < one < radius(1000.0, r, 0.05)
