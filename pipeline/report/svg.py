"""Small inline SVG charts. Each has a title for screen readers; colours come from the page's style sheet.

A chart without text uses percentages as coordinates, so it fills any width without distortion.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from foundation.pages.forest import axis, interval
from foundation.pages.scale import Scale, tick_labels
from pipeline.report import text
from pipeline.report.data import Bar, Curve, NodeView

__all__ = ["Scale", "axis", "curves", "histogram", "interval", "rail"]
ROW = 38
"""Height of one node's row in pixels; the style sheet uses the same."""
_LANE = 11
_PLOT_WIDTH, _PLOT_HEIGHT = 460, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 12, 12, 30


def histogram(bars: Sequence[Bar], title: str) -> Markup:
    """Returns a histogram of upright bars, each with its own tooltip."""
    highest = max((bar.height for bar in bars), default=0) or 1
    width = 100 / max(1, len(bars))
    parts = [
        Markup(
            '<rect x="{:.2f}%" y="{:.2f}%" width="{:.2f}%" height="{:.2f}%"><title>{}: {}</title></rect>'
        ).format(
            i * width + width * 0.06,
            100 - 100 * bar.height / highest,
            width * 0.88,
            100 * bar.height / highest,
            bar.label,
            text.count(bar.count),
        )
        for i, bar in enumerate(bars)
    ]
    return Markup('<svg class="histogram" role="img" aria-label="{}" focusable="false">{}</svg>').format(
        title, Markup("").join(parts)
    )


def rail(nodes: Sequence[NodeView]) -> Markup:
    """Returns the graph as a rail beside the list of nodes: one dot per row, an arc for every edge.

    Edges implied by other edges are omitted.
    """
    place = {node.id: i for i, node in enumerate(nodes)}
    edges = [
        (place[source], place[node.id])
        for node in nodes
        for source in _direct(node, nodes)
        if source in place
    ]
    longest = max((b - a for a, b in edges), default=1)
    width = 26 + _LANE * min(longest, 7)
    parts = [_arc(width, a, b) for a, b in edges]
    for i, node in enumerate(nodes):
        dot = Markup('<circle class="node {}" cx="{}" cy="{}" r="7"><title>{}: {}</title></circle>')
        parts.append(dot.format(node.state, width - 12, i * ROW + ROW // 2, node.id, node.state))
    label = f"Graph of {len(nodes)} nodes and {len(edges)} edges"
    return Markup(
        '<svg class="rail" role="img" aria-label="{}" focusable="false" width="{}" height="{}">{}</svg>'
    ).format(label, width, ROW * len(nodes), Markup("").join(parts))


def _arc(width: int, a: int, b: int) -> Markup:
    x, top, bottom = width - 12, a * ROW + ROW // 2, b * ROW + ROW // 2
    if b - a == 1:
        return Markup('<path d="M{0} {1}V{2}"/>').format(x, top, bottom)
    # The longer the edge, the further left it runs, so that arcs nest and never cross a dot.
    left = x - _LANE * min(b - a, 7)
    curve = '<path d="M{x} {top}C{left} {top} {left} {top} {left} {t}V{b}C{left} {bottom} {left} {bottom} {x} {bottom}"/>'
    return Markup(curve).format(x=x, left=left, top=top, bottom=bottom, t=top + ROW // 2, b=bottom - ROW // 2)


def _direct(node: NodeView, nodes: Sequence[NodeView]) -> list[str]:
    """Returns the inputs of a node on which none of its other inputs depends."""
    inputs = {n.id: set(n.inputs) for n in nodes}

    def upstream(start: str) -> set[str]:
        found: set[str] = set()
        todo = [start]
        while todo:
            new = inputs.get(todo.pop(), set()) - found
            found |= new
            todo += new
        return found

    implied = set().union(*(upstream(source) for source in node.inputs))
    return [source for source in node.inputs if source not in implied]


def curves(curve: Curve) -> Markup:
    """Returns a line chart of one metric over the epochs: train and validation."""
    scale = Scale.over([*curve.train, *curve.validation])
    epochs = max(len(curve.train), len(curve.validation))
    ticks = scale.ticks()
    parts = [_grid_line(scale, tick, label) for tick, label in zip(ticks, tick_labels(ticks), strict=True)]
    for epoch in _epoch_ticks(epochs):
        label = Markup('<text x="{:.1f}" y="{}" text-anchor="middle">{}</text>')
        parts.append(label.format(_x(epoch - 1, epochs), _PLOT_HEIGHT - _BOTTOM + 18, epoch))
    parts += [
        _line(name, values, scale, epochs)
        for name, values in (("train", curve.train), ("validation", curve.validation))
    ]
    title = f"{text.words(curve.name)} over {epochs} epochs"
    return Markup(
        '<svg class="curve" role="img" aria-label="{}" focusable="false" viewBox="0 0 {} {}">{}</svg>'
    ).format(title, _PLOT_WIDTH, _PLOT_HEIGHT, Markup("").join(parts))


def _grid_line(scale: Scale, tick: float, shown: str) -> Markup:
    y = _y(tick, scale)
    line = Markup('<line class="tick" x1="{}" x2="{}" y1="{y:.1f}" y2="{y:.1f}"/>').format(
        _LEFT, _PLOT_WIDTH - _RIGHT, y=y
    )
    label = Markup('<text x="{}" y="{:.1f}" text-anchor="end">{}</text>').format(_LEFT - 7, y + 4, shown)
    return line + label


def _line(name: str, values: Sequence[float], scale: Scale, epochs: int) -> Markup:
    points = [(i, v) for i, v in enumerate(values) if math.isfinite(v)]
    if not points:
        return Markup("")
    path = " ".join(f"{_x(i, epochs):.1f},{_y(v, scale):.1f}" for i, v in points)
    line = Markup('<polyline class="{}" points="{}"/>').format(name, path)
    last, value = points[-1]
    dot = Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="3.5"><title>{}: {}</title></circle>')
    return line + dot.format(name, _x(last, epochs), _y(value, scale), name, text.number(value))


def _x(epoch: float, epochs: int) -> float:
    return _LEFT + (_PLOT_WIDTH - _LEFT - _RIGHT) * (epoch / (epochs - 1) if epochs > 1 else 0.5)


def _y(value: float, scale: Scale) -> float:
    return _PLOT_HEIGHT - _BOTTOM - (_PLOT_HEIGHT - _TOP - _BOTTOM) * scale.percent(value) / 100


def _epoch_ticks(epochs: int) -> list[int]:
    step = max(1, math.ceil(epochs / 8))
    return list(range(1, epochs + 1, step))
