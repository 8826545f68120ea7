"""The charts: scales fit their values, arcs join the right rows."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.report import svg
from pipeline.report.data import Bar, Curve, NodeView

values = st.lists(st.floats(-1e6, 1e6) | st.none(), max_size=12)


@given(values)
def test_scale_holds_every_value_and_has_ticks(given_values):
    scale = svg.Scale.over(given_values)
    assert all(0 <= scale.percent(v) <= 100 for v in given_values if v is not None)
    ticks = scale.ticks()
    assert 1 <= len(ticks) <= 12
    assert all(-0.01 <= scale.percent(t) <= 100.01 for t in ticks)


def test_scale_ignores_nan():
    assert svg.Scale.over([None, math.nan, math.inf]) == svg.Scale(0.0, 1.0)


def test_histogram_has_a_bar_and_a_tooltip_for_each_bucket():
    chart = svg.histogram([Bar("a", 1), Bar("b & c", 3)], "counts")
    assert chart.count("<rect") == 2
    assert "b &amp; c: 3" in chart


def test_histogram_of_nothing_is_empty():
    assert "<rect" not in svg.histogram([Bar("a", 0)][:0], "nothing")


def test_rail_leaves_out_implied_edges():
    nodes = [
        NodeView("A", "run"),
        NodeView("B", "run", 1.0, ("A",)),
        NodeView("C", "failed", 1.0, ("A", "B")),
    ]
    chart = svg.rail(nodes)
    assert "3 nodes and 2 edges" in chart
    assert 'class="node failed"' in chart


def test_rail_bends_an_edge_around_the_nodes_between():
    nodes = [NodeView("A", "run"), NodeView("B", "run"), NodeView("C", "run", 1.0, ("A",))]
    assert re.search(r"<path d=\"M\d+ \d+C", svg.rail(nodes))


@pytest.mark.parametrize("epochs", [1, 2, 100], ids=["one epoch", "two", "many"])
def test_curves_draw_every_epoch(epochs):
    chart = svg.curves(Curve("loss", tuple(1 / (i + 1) for i in range(epochs)), (math.nan,) * epochs))
    points = re.search(r'polyline class="train" points="([^"]*)"', chart).group(1)
    assert len(points.split()) == epochs
    assert 'class="validation"' not in chart


def test_interval_draws_only_what_is_known():
    scale = svg.Scale(0.0, 1.0)
    assert "interval" not in svg.interval(scale, 0.5, None, None, None, [])
    full = svg.interval(scale, 0.5, 0.4, 0.6, 0.45, [0.3])
    assert all(f'class="{name}"' in full for name in ("interval", "value", "baseline", "bound"))


def test_two_points_beyond_the_edge_are_arrows_and_not_dots_at_it():
    scale = svg.Scale(0.5, 0.8)
    beyond = [svg.interval(scale, value, 0.4, 1.0, None, ()) for value in (0.8537, 0.8667)]
    assert all("circle" not in chart and "▸" in chart for chart in beyond)
    assert "◂" in svg.interval(scale, 0.7, None, None, 0.1, ())
    assert svg.interval(scale, 0.7, None, None, 0.6, ()).count("<circle") == 2


def test_bars_of_several_whole_numbers_are_as_high_as_one_of_them():
    chart = svg.histogram([Bar("1", 10), Bar("2 to 3", 20, 2)], "counts")
    assert chart.count('height="100.00%"') == 2
    assert "2 to 3: 20" in chart
