"""Forest plots: one interval in each row of a table, on a shared scale."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from foundation.pages.scale import Scale, tick_labels


def interval(
    scale: Scale,
    value: float | None,
    low: float | None,
    high: float | None,
    baseline: float | None,
    bounds: Sequence[float],
) -> Markup:
    """Returns one row of a forest plot: the interval as a line, the value as a dot, the baseline as a ring.

    Args:
        scale: The scale that the rows of one metric share.
        value: The metric.
        low: Lower end of its interval.
        high: Upper end.
        baseline: The blessed model's value.
        bounds: Values of gates, drawn as dashed lines.
    """
    parts = [_upright("tick", scale.percent(tick)) for tick in scale.ticks()]
    parts += [_upright("bound", scale.percent(bound)) for bound in bounds]
    if low is not None and high is not None:
        line = Markup('<line class="interval" x1="{:.2f}%" x2="{:.2f}%" y1="50%" y2="50%"/>')
        parts.append(line.format(scale.percent(low), scale.percent(high)))
    if baseline is not None:
        parts.append(_point("baseline", scale, baseline, 5))
    if value is not None:
        parts.append(_point("value", scale, value, 4.5))
    return Markup('<svg class="forest" aria-hidden="true" focusable="false">{}</svg>').format(
        Markup("").join(parts)
    )


def _point(name: str, scale: Scale, value: float, radius: float) -> Markup:
    """Returns a dot, or an arrow at the edge for a value beyond it; the row says the number."""
    if scale.holds(value):
        dot = Markup('<circle class="{}" cx="{:.2f}%" cy="50%" r="{}"/>')
        return dot.format(name, scale.percent(value), radius)
    text_anchor, sign, place = ("start", "◂", 0) if value < scale.low else ("end", "▸", 100)
    arrow = Markup('<text class="{} beyond" x="{}%" y="50%" dy=".35em" text-anchor="{}">{}</text>')
    return arrow.format(name, place, text_anchor, sign)


def axis(scale: Scale) -> Markup:
    """Returns the labelled axis under a forest plot."""
    ticks = scale.ticks()
    labels = [
        Markup('<text x="{:.2f}%" y="12" text-anchor="middle">{}</text>').format(scale.percent(tick), label)
        for tick, label in zip(ticks, tick_labels(ticks), strict=True)
    ]
    return Markup('<svg class="axis" aria-hidden="true" focusable="false">{}</svg>').format(
        Markup("").join(labels)
    )


def _upright(name: str, place: float) -> Markup:
    return Markup('<line class="{}" x1="{:.2f}%" x2="{:.2f}%" y1="0" y2="100%"/>').format(name, place, place)
