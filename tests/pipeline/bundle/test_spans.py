"""An interval's end becomes a span: one for each interval, in order, also where clocks are changed and days are leapt."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.bundle.spans import span_at

ZONES = ["UTC", "Europe/Zurich", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]
FIRST = date(1990, 1, 1)


def daily_ends(start: int, hour: int, zone: str, count: int = 800) -> list[datetime]:
    """The ends of daily intervals: the same time on the clock of a zone, day by day."""
    days = (FIRST + timedelta(days=start + number) for number in range(count))
    return [datetime(d.year, d.month, d.day, hour, tzinfo=ZoneInfo(zone)) for d in days]


@given(st.integers(0, 15000), st.integers(0, 23), st.sampled_from(ZONES))
def test_daily_intervals_have_one_day_each(start: int, hour: int, zone: str) -> None:
    ends = daily_ends(start, hour, zone)
    first = span_at(ends[0], "days", zone)
    assert [span_at(end, "days", zone) for end in ends] == list(range(first, first + len(ends)))


@given(st.integers(0, 15000), st.integers(0, 23), st.sampled_from(ZONES))
def test_the_same_moment_is_the_same_span_in_whatever_zone_it_is_given(
    start: int, hour: int, zone: str
) -> None:
    for end in daily_ends(start, hour, zone, 400):
        for rule in ("days", "hours", "date", 7):
            assert span_at(end.astimezone(UTC), rule, zone) == span_at(end, rule, zone)


@given(st.integers(0, 15000), st.integers(0, 23), st.sampled_from(ZONES))
def test_dates_are_those_of_the_calendar(start: int, hour: int, zone: str) -> None:
    for end in daily_ends(start, hour, zone):
        assert str(span_at(end, "date", zone)) == end.strftime("%Y%m%d")


@given(st.integers(0, 400000))
def test_hourly_intervals_have_one_hour_each(start: int) -> None:
    ends = [datetime.fromtimestamp(3600 * (start + number), UTC) for number in range(24 * 8)]
    for zone in ZONES:
        found = [span_at(end.astimezone(ZoneInfo(zone)), "hours", zone) for end in ends]
        assert found == list(range(start, start + len(ends)))


@given(st.integers(1, 31), st.integers(0, 15000), st.sampled_from(ZONES))
def test_intervals_of_several_days_have_one_span_each(days: int, start: int, zone: str) -> None:
    ends = daily_ends(start, 3, zone)[::days]
    found = [span_at(end, days, zone) for end in ends]
    assert found == list(range(found[0], found[0] + len(found)))


@pytest.mark.parametrize(
    ("moment", "rule", "zone", "span"),
    [
        (datetime(1970, 1, 1), "days", "UTC", 0),
        (datetime(2024, 2, 29), "date", "UTC", 20240229),
        (datetime(2024, 3, 1), "days", "UTC", 19783),
        (datetime(2026, 1, 31, 23, 30, tzinfo=UTC), "date", "Europe/Zurich", 20260201),
        (datetime(2026, 1, 31, 23, 30), "date", "Europe/Zurich", 20260131),
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "hours", "Europe/Zurich", 498024),
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "hours", "Europe/Zurich", 498025),
        (datetime(1969, 12, 31), "days", "UTC", -1),
    ],
    ids=str,
)
def test_spans_by_hand(moment: datetime, rule: str, zone: str, span: int) -> None:
    assert span_at(moment, rule, zone) == span
