"""Numbers, times and counts in readable form."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from components.evaluator.metrics import METRICS
from foundation.numbers import decimals, fixed, percent, telling
from foundation.pages.scale import number


def metric(value: float | None) -> str:
    """Returns a metric's value with four decimals, so that a column lines up; small ones with four significant digits."""
    if value is None or math.isnan(value):
        return "–"
    return f"{value:.4f}".replace("-", "−") if 0.01 <= abs(value) < 100 or not value else number(value)


def against(value: float | None, limit: float | None) -> str:
    """Returns a metric's value with digits enough to see on which side of a limit it is."""
    if value is None or limit is None or not math.isfinite(value):
        return metric(value)
    places = telling(decimals(value) + 1, lambda r: (r(value) > limit) - (r(value) < limit))
    return fixed(value, places).replace("-", "−")


def count(value: float) -> str:
    """Returns a count with thousands separators."""
    return f"{round(value):,}"


def share(value: float) -> str:
    """Returns a share from 0 to 1 as a percentage; only 0 itself reads 0%, only 1 itself 100%."""
    return percent(value)


def duration(seconds: float | None) -> str:
    """Returns seconds as ``0.4 s``, ``12 s`` or ``3 min 05 s``."""
    if seconds is None:
        return "–"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def moment(seconds: float) -> str:
    """Returns seconds since the epoch as date and time in UTC."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def day(milliseconds: float) -> str:
    """Returns epoch milliseconds as a date."""
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d}"


def words(name: str) -> str:
    """Returns ``log_loss`` as ``log loss`` and ``auc`` as ``AUC``, also after ``val_``."""
    bare = name.removeprefix("val_")
    label = METRICS[bare].label if bare in METRICS else ""
    return ("validation " if bare != name else "") + (label or bare.replace("_", " "))
