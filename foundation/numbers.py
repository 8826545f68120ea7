"""Numbers in text: enough digits to tell them apart, and the exact number where a person wrote it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

_MOST = 17
"""Significant digits that a float has at most."""

_WIDER = 5
"""Decimals that a narrow interval adds at most."""


def exact(value: float) -> str:
    """Returns a number as a person would write it, with every digit that it has."""
    short = f"{value:.15g}"
    return short if float(short) == value else repr(value)


def decimals(value: float, width: float = math.nan) -> int:
    """Returns how many decimals give a number three to four significant digits.

    Args:
        value: The number.
        width: Width of its interval, which is shown with two significant digits at least.
    """
    needed = max(0, (3 if abs(value) >= 1 else 2) - _exponent(value)) if math.isfinite(value) else 3
    if math.isfinite(width) and width > 0:
        needed = max(needed, min(1 - _exponent(width), needed + _WIDER))
    return needed


def _exponent(value: float) -> int:
    return math.floor(math.log10(abs(value))) if value else -1


def fixed(value: float, places: int) -> str:
    """Returns a number with a number of decimals; very small ones with an exponent."""
    if not math.isfinite(value):
        return str(value)
    if places > 7 and 0 < abs(value) < 1e-4:
        return f"{value:.{max(1, places + _exponent(value))}e}"
    return f"{value:,.{places}f}"


def aligned(value: float, places: int) -> str:
    """Returns a number with as many decimals as those beside it, or with more where it has more."""
    return fixed(value, places) if float(f"{value:.{places}f}") == value else exact(value)


def telling(places: int, holds: Callable[[Callable[[float], float]], object]) -> int:
    """Returns the smallest number of decimals, ``places`` or more, at which the rounded numbers say what the exact ones say.

    Args:
        places: Decimals to begin with.
        holds: What they shall say, asked with the function that rounds.
    """
    said = holds(lambda value: value)
    for more in range(places, places + _MOST):
        if holds(lambda value, more=more: round(value, more)) == said:  # type: ignore[misc]
            return more
    return places + _MOST


def apart(values: Sequence[float], more: int = 0) -> list[str]:
    """Returns numbers with as many decimals as it takes that different ones read differently.

    Args:
        values: The numbers.
        more: Decimals beyond those of three to four significant digits.
    """
    finite = [value for value in values if math.isfinite(value)]
    places = max((decimals(value) for value in finite), default=3) + more
    places = telling(places, lambda r: len({r(value) for value in finite}) == len(set(finite)))
    texts = [fixed(value, places) for value in values]
    return texts if len(set(texts)) == len(set(values)) else [f"{value:.{_MOST}g}" for value in values]


def beside(value: float, limit: float, digits: int = 4) -> tuple[str, str]:
    """Returns a number and its limit with as many significant digits as it takes to see which is larger."""
    for more in range(digits, _MOST + 1):
        shown = f"{value:.{more}g}", f"{limit:.{more}g}"
        if _order(*map(float, shown)) == _order(value, limit):
            break
    return shown


def _order(first: float, second: float) -> int:
    return (first > second) - (first < second)


def percent(share: float, places: int = 1) -> str:
    """Returns a share from 0 to 1 as a percentage; only nothing reads 0% and only everything 100%."""
    if share in (0.0, 1.0):
        return f"{100 * share:.0f}%"
    least = 10.0**-places
    if round(100 * share, places) <= 0:
        return f"<{least:.{places}f}%"
    return (
        f">{100 - least:.{places}f}%" if round(100 * share, places) >= 100 else f"{100 * share:.{places}f}%"
    )


def bound(share: float) -> str:
    """Returns a bound from 0 to 1 in percent, with the digits that it has: 0.005 reads 0.5%, 0.998 reads 99.8%."""
    return f"{100 * share:.6g}%"


def above(value: float, digits: int = 2) -> str:
    """Returns the smallest number of ``digits`` significant digits that is above a number from 0 up."""
    if value <= 0:
        return "0.000001"
    step = 10.0 ** (_exponent(value) - digits + 1)
    rounded = (math.floor(value / step) + 1) * step
    places = max(0, digits - 1 - _exponent(rounded))
    text = f"{rounded:.{places}f}" if places <= 9 else f"{rounded:.{digits - 1}e}"
    return text if float(text) > value else above(value * (1 + 1e-9) + 1e-300, digits + 1)
