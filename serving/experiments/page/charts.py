"""Inline SVG charts: how an interval narrowed, and traffic over time. Colours come from the style sheet."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from markupsafe import Markup

from foundation.pages.scale import Scale, number, tick_labels
from serving.experiments.page.view import ArmView, TrafficView

COLOURS: Final = 6
"""Colours that the style sheet has for arms; further arms begin again, told apart by their labels."""
_WIDTH, _HEIGHT = 640, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 14, 14, 32
_DAY = 86400.0


def narrowing(arm: ArmView, margin: float, planned: int, noun: str) -> Markup:
    """Returns the chart of an arm's interval over the units that count: a band, the estimate, and what decides.

    Args:
        arm: The arm, with at least one point that has an interval.
        margin: By how much an arm must be better; drawn as a dashed line.
        planned: The planned units; drawn as an upright line if they are in the picture.
        noun: What a unit is called.
    """
    points = [p for p in arm.history if p[0] is not None and p[3] is not None and p[4] is not None]
    across = Scale(0.0, max(float(points[-1][0] or 1), 1.0) * 1.02)
    up = Scale.over([0.0, margin, *_calm([p[3] for p in points]), *_calm([p[4] for p in points])])
    band = [(p[0], p[4]) for p in points] + [(p[0], p[3]) for p in reversed(points)]
    shape = " ".join(
        f"{_x(across, a):.1f},{_y(up, b):.1f}" for a, b in band if a is not None and b is not None
    )
    middle = " ".join(
        f"{_x(across, p[0]):.1f},{_y(up, p[2]):.1f}" for p in points if p[0] is not None and p[2] is not None
    )
    parts = [
        *_grid(up),
        *_units(across),
        Markup('<polygon class="band" points="{}"/>').format(shape),
        Markup('<polyline class="estimate" points="{}"/>').format(middle),
        _level(up, 0.0, "zero"),
    ]
    if margin:
        parts.append(_level(up, margin, "bound"))
    if across.holds(planned):
        line = '<line class="bound" x1="{x:.1f}" x2="{x:.1f}" y1="{}" y2="{}"/>'
        parts.append(Markup(line).format(_TOP, _HEIGHT - _BOTTOM, x=_x(across, planned)))
    last = points[-1]
    title = (
        f"Difference of {arm.name} to control over {number(last[0])} {noun}s: now {number(last[2], 3)}, "
        f"interval {number(last[3], 3)} to {number(last[4], 3)}"
    )
    return _figure("narrowing", title, parts)


def traffic(view: TrafficView, arms: Sequence[str]) -> Markup:
    """Returns the chart of requests over time, a line for each arm.

    Args:
        view: Requests over time; at least one interval.
        arms: The arms in the order of their colours.
    """
    rates = {arm: [view.at(arm, i) / view.step for i in range(len(view.times))] for arm in arms}
    highest = max((rate for series in rates.values() for rate in series), default=0.0) or 1.0
    up = Scale(0.0, highest * 1.08)
    across = Scale(view.times[0], max(view.times[-1], view.times[0] + view.step))
    parts = [*_grid(up), *_hours(across)]
    for place, arm in enumerate(arms):
        dots = list(zip(view.times, rates[arm], strict=True))
        line = " ".join(f"{_x(across, t):.1f},{_y(up, r):.1f}" for t, r in dots)
        parts.append(
            Markup('<polyline class="arm arm-{}" points="{}"><title>{}</title></polyline>').format(
                place % COLOURS, line, arm
            )
        )
        if len(dots) == 1:
            dot = Markup('<circle class="arm arm-{}" cx="{:.1f}" cy="{:.1f}" r="4"/>')
            parts.append(dot.format(place % COLOURS, _x(across, dots[0][0]), _y(up, dots[0][1])))
    spoken = ", ".join(f"{arm} {number(rates[arm][-1], 3)}" for arm in arms)
    return _figure("traffic", f"Requests a second over time; last: {spoken}", parts)


def _calm(ends: Sequence[float | None]) -> list[float]:
    """Returns the ends of intervals without the first, very wide ones, which would flatten all that follows."""
    known = sorted(abs(end) for end in ends if end is not None and math.isfinite(end))
    if not known:
        return []
    limit = max(known[len(known) // 2] * 3, abs(ends[-1] or 0.0))
    return [end for end in ends if end is not None and abs(end) <= limit]


def _figure(name: str, title: str, parts: Sequence[Markup]) -> Markup:
    figure = (
        '<svg class="{}" role="img" aria-label="{}" focusable="false" viewBox="0 0 {} {}">'
        '<defs><clipPath id="plot-{}"><rect x="{}" y="{}" width="{}" height="{}"/></clipPath></defs>{}</svg>'
    )
    inside = (_LEFT, _TOP, _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM)
    return Markup(figure).format(name, title, _WIDTH, _HEIGHT, name, *inside, Markup("").join(parts))


def _x(scale: Scale, value: float) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * scale.percent(value) / 100


def _y(scale: Scale, value: float) -> float:
    return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * scale.percent(value) / 100


def _grid(up: Scale) -> Iterator[Markup]:
    ticks = up.ticks()
    for tick, shown in zip(ticks, tick_labels(ticks), strict=True):
        line = '<line class="tick" x1="{}" x2="{}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield Markup(line).format(_LEFT, _WIDTH - _RIGHT, y=_y(up, tick))
        label = '<text x="{}" y="{:.1f}" text-anchor="end">{}</text>'
        yield Markup(label).format(_LEFT - 8, _y(up, tick) + 4, shown)


def _units(across: Scale) -> Iterator[Markup]:
    ticks = across.ticks()
    yield from (_below(across, tick, shown) for tick, shown in zip(ticks, tick_labels(ticks), strict=True))


def _hours(across: Scale) -> Iterator[Markup]:
    """Yields times of day, or days where the picture spans more than two of them; all in UTC."""
    span = across.high - across.low
    form = "%m-%d" if span > 2 * _DAY else "%H:%M" if span > 300 else "%H:%M:%S"
    for i in range(5):
        at = across.low + span * i / 4
        yield _below(across, at, f"{datetime.fromtimestamp(at, UTC):{form}}")


def _below(across: Scale, at: float, shown: str) -> Markup:
    place = across.percent(at)
    anchor = "start" if place < 3 else "end" if place > 97 else "middle"
    label = '<text x="{:.1f}" y="{}" text-anchor="{}">{}</text>'
    return Markup(label).format(_x(across, at), _HEIGHT - _BOTTOM + 19, anchor, shown)


def _level(up: Scale, value: float, name: str) -> Markup:
    line = '<line class="{}" x1="{}" x2="{}" y1="{y:.1f}" y2="{y:.1f}"/>'
    return Markup(line).format(name, _LEFT, _WIDTH - _RIGHT, y=_y(up, value))
