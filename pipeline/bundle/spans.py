"""The span of a run, by the end of its interval: a pure function, so a backfill reads what the schedule would have read."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

_EPOCH = date(1970, 1, 1).toordinal()
_HOUR_SECONDS = 3600


def span_at(moment: datetime, rule: str | int, timezone: str = "UTC") -> int:
    """Returns the span of the run whose interval ends at a moment.

    Args:
        moment: The end of the interval; without a time zone it is in ``timezone``.
        rule: ``production.span``: ``days`` or ``hours`` since 1970-01-01, ``date`` as YYYYMMDD, or a number of days per
            span. Days are those of the calendar in ``timezone``; hours are counted without it, so that each is one span
            also where clocks are changed.
        timezone: Name of the time zone of the schedule.
    """
    zone = ZoneInfo(timezone)
    moment = moment.replace(tzinfo=zone) if moment.tzinfo is None else moment
    day = moment.astimezone(zone).date()
    if rule == "hours":
        return int(moment.timestamp() // _HOUR_SECONDS)
    if rule == "date":
        return day.year * 10000 + day.month * 100 + day.day
    days = day.toordinal() - _EPOCH
    return days if rule == "days" else days // int(rule)
