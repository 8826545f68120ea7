"""Dates are told in a unit that several values share."""

from __future__ import annotations

import datetime
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.coarse import DAY, FEWEST, YEAR, date_range, finest_unit

EPOCH = datetime.date(1930, 1, 1)


def days(numbers: list[int]) -> Counter[str]:
    return Counter((EPOCH + datetime.timedelta(days=number)).isoformat() for number in numbers)


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        pytest.param([n // 9 for n in range(900)], ("1930-01-01", "1930-04-10"), id="many a day: days"),
        pytest.param(list(range(0, 900, 3)), ("1930-01", "1932-06"), id="some a month: months"),
        pytest.param(list(range(0, 25_000, 50)), ("1930", "1997"), id="some a year: years"),
        pytest.param(list(range(0, 25_000, 400)), None, id="fewer: nothing"),
        pytest.param([0] + [20_000] * 100, ("1984-10-04", "1984-10-04"), id="a lone first one is left out"),
        pytest.param([], None, id="no dates"),
    ],
)
def test_the_unit_fits_the_number_of_dates(numbers: list[int], told: tuple[str, str] | None) -> None:
    assert date_range(days(numbers), DAY) == told


def test_the_finest_unit_can_be_given() -> None:
    assert date_range(days([0] * 50), YEAR) == ("1930", "1930")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 30_000), max_size=400), st.integers(1, 30_000))
def test_what_is_told_is_shared_by_several(numbers: list[int], width: int) -> None:
    dates = days([number % width for number in numbers])
    for end in date_range(dates) or ():
        assert sum(count for day, count in dates.items() if day.startswith(end)) >= FEWEST


def test_dates_of_birth_are_never_told_to_the_day() -> None:
    chance = random.Random(1)
    told = date_range(days([int(chance.gauss(18_000, 6_000)) % 36_500 for _ in range(3_000)]))
    assert told is not None and max(map(len, told)) < DAY


def test_a_unit_from_an_average() -> None:
    assert [finest_unit(n, 30) for n in (150, 149, 5, 4)] == [10, 7, 7, None]
