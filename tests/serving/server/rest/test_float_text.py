"""Floats as text, compared with an exact reference built from the contract's rule."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.server.rest.float_text import float_text, float_texts


def nearest_float32(value: Fraction) -> float:
    """The float32 nearest to a number: exact, ties to even."""
    if not value:
        return 0.0
    magnitude = abs(value)
    exponent = magnitude.numerator.bit_length() - magnitude.denominator.bit_length() - 24
    while magnitude / Fraction(2) ** exponent >= 2**24:
        exponent += 1
    exponent = max(exponent, -149)
    units = round(magnitude / Fraction(2) ** exponent)
    return math.copysign(float(units * Fraction(2) ** exponent), value)


def by_the_rule(value: float, *, double: bool) -> str:
    """The contract's rule: %g if it parses back, else 9 or 17 digits; ``.0`` for whole numbers."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    text = f"{value:.6g}"
    back = float(text) if double else nearest_float32(Fraction(text))
    if back != value:
        text = f"{value:.17g}" if double else f"{value:.9g}"
    return text if "." in text or "e" in text else f"{text}.0"


def float32_texts(values: list[float]) -> list[str]:
    return float_texts(np.array(values, np.float32))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.2, "0.2"), (3.0, "3.0"), (16777216.0, "16777216.0"), (1e20, "1e+20"), (-0.0, "-0.0"), (0.0, "0.0"),
        (1 / 3, "0.333333343"), (100000.0, "100000.0"), (1e6, "1e+06"), (1234567.0, "1234567.0"),
        (1e-5, "1e-05"), (1.5e-7, "1.5e-07"), (0.0001, "0.0001"), (1e-45, "1.4013e-45"), (-2.5, "-2.5"),
        (math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity"), (999999.0, "999999.0"),
    ],
)  # fmt: skip
def test_float32(value: float, text: str) -> None:
    assert float32_texts([value]) == [text]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1, "0.1"), (1 / 3, "0.33333333333333331"), (1e300, "1e+300"), (2.0**53, "9007199254740992.0"), (5e-324, "4.94066e-324")],
)  # fmt: skip
def test_double(value: float, text: str) -> None:
    assert float_text(value) == text


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(0, 2**32 - 1), max_size=50))
def test_any_float32(bits: list[int]) -> None:
    values = np.array(bits, np.uint32).view(np.float32)
    assert float_texts(values) == [by_the_rule(value, double=False) for value in values.tolist()]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.floats(), max_size=50))
def test_any_double(values: list[float]) -> None:
    assert float_texts(np.array(values, np.float64)) == [by_the_rule(value, double=True) for value in values]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(-(10**7), 10**7), st.integers(-52, 31)), max_size=50))
def test_short_decimals(parts: list[tuple[int, int]]) -> None:
    values = np.array([digits * 10.0**exponent for digits, exponent in parts], np.float32)
    assert float_texts(values) == [by_the_rule(value, double=False) for value in values.tolist()]


def test_every_power_of_two_and_its_neighbours() -> None:
    powers = np.array([2.0**exponent for exponent in range(-149, 128)], np.float32)
    values = np.concatenate(
        [powers, np.nextafter(powers, np.float32(0)), np.nextafter(powers, np.float32(np.inf))]
    )
    assert float_texts(values) == [by_the_rule(value, double=False) for value in values.tolist()]


def test_more_than_one_chunk() -> None:
    values = np.random.default_rng(7).random(5000).astype(np.float32)
    assert float_texts(values) == [by_the_rule(value, double=False) for value in values.tolist()]
