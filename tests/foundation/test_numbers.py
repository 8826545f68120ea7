"""Numbers in text keep what they are compared for."""

from __future__ import annotations

import math
import random

import pytest

from foundation.numbers import above, aligned, apart, beside, bound, decimals, exact, fixed


@pytest.mark.parametrize(
    ("value", "text"), [(0.7, "0.7"), (0.01, "0.01"), (1e-9, "1e-09"), (50, "50"), (0.75004, "0.75004")]
)
def test_an_exact_number_reads_as_it_was_written(value: float, text: str) -> None:
    assert exact(value) == text


@pytest.mark.parametrize(
    ("value", "width", "text"),
    [
        (0.6841, 0.026, "0.684"),
        (1.0553, math.nan, "1.055"),
        (0.000212, math.nan, "0.000212"),
        (4787344.2, 1e6, "4,787,344"),
        (0.99962, 0.0006, "0.99962"),
        (0.0, math.nan, "0.000"),
    ],
)
def test_decimals_follow_the_size_of_the_number_and_of_its_interval(value, width, text) -> None:
    assert fixed(value, decimals(value, width)) == text


def test_a_limit_has_the_decimals_of_the_value_or_its_own() -> None:
    assert aligned(0.7, 3) == "0.700"
    assert aligned(0.75004, 3) == "0.75004"


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([1.05512, 1.05548], ["1.0551", "1.0555"]),
        ([0.5, 0.7], ["0.500", "0.700"]),
        ([0.3, 0.1 + 0.2], ["0.29999999999999999", "0.30000000000000004"]),
        ([2e-9, 2.1e-9], ["2.00e-09", "2.10e-09"]),
        ([1, 1], ["1.000", "1.000"]),
    ],
)
def test_different_numbers_read_differently(values: list[float], texts: list[str]) -> None:
    assert apart(values) == texts


def test_any_two_different_numbers_read_differently_and_in_their_order() -> None:
    rng = random.Random(0)
    for _ in range(2000):
        value = rng.uniform(-1, 1) * 10 ** rng.uniform(-9, 7)
        other = value * (1 + rng.choice([-1, 1]) * 10 ** rng.uniform(-12, 0))
        first, second = (float(text.replace(",", "")) for text in apart([value, other]))
        assert (first < second) == (value < other)
        first, second = map(float, beside(value, other))
        assert (first < second) == (value < other)


def test_above_is_the_next_short_number_up() -> None:
    assert above(0.0159) == "0.016"
    assert above(0.034) == "0.035"
    assert above(99999.5) == "100000"
    rng = random.Random(0)
    for _ in range(2000):
        value = 10 ** rng.uniform(-13, 9)
        assert value < float(above(value)) <= value * 1.1 + 1e-300


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0%"), (0.005, "0.5%"), (0.07, "7%"), (0.5, "50%"), (0.998, "99.8%"), (1, "100%")]
)
def test_a_bound_keeps_the_digits_that_it_has(share: float, text: str) -> None:
    assert bound(share) == text
