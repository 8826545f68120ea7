"""What the page says, as text: verdict first, every number, nothing that a name could smuggle in."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from serving.experiments.page.charts import narrowing, traffic
from serving.experiments.page.render import render_experiment, render_index, stamp
from serving.experiments.page.view import TrafficView
from tests.serving.experiments.page.views import BEGUN, FULL, NOW, RUNNING


def test_the_verdict_comes_first_with_what_would_flip_it() -> None:
    page = render_experiment(RUNNING)
    head = page[: page.index("<main")]
    assert "Wait: about 3,000 more units" in head
    assert "promote as soon as the interval of new lies above 0." in head
    assert "8,400" in head


@pytest.mark.parametrize("view", [RUNNING, BEGUN, FULL], ids=["running", "begun", "full"])
def test_the_page_asks_nobody_else(view) -> None:
    page = render_experiment(view)
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", page)
    assert "<script" not in page
    assert "@import" not in page


def test_names_and_texts_cannot_smuggle_markup_in() -> None:
    page = render_experiment(FULL) + render_index([FULL])
    assert "<b>5 failures" not in page
    assert "&lt;b&gt;5 failures" in page


def test_an_arm_that_is_out_says_why() -> None:
    assert "5 failures in a row: UNAVAILABLE" in render_experiment(FULL)


def test_a_chart_says_in_words_where_it_ends() -> None:
    assert "now 0.0500, interval" in narrowing(RUNNING.arms[1], 0.01, 20_000, "unit")
    assert "Requests a second over time; last: old" in traffic(RUNNING.traffic, ["old", "new"])


def test_the_chart_holds_the_line_that_decides() -> None:
    assert narrowing(RUNNING.arms[1], 0.01, 20_000, "unit").count('class="bound"') == 1
    assert narrowing(RUNNING.arms[1], 0.01, 5_000, "unit").count('class="bound"') == 2, "and the planned size"
    assert 'class="bound"' not in narrowing(RUNNING.arms[1], 0.0, 20_000, "unit")


def test_one_interval_of_traffic_is_a_dot() -> None:
    assert "<circle" in traffic(TrafficView(60.0, [NOW], {"old": [1], "new": [0]}), ["old", "new"])


def test_a_phase_that_ended_is_said_instead_of_the_verdict() -> None:
    assert stamp(RUNNING) == "not decided"
    assert stamp(replace(RUNNING, phase="rolled_back")) == "rolled back"
    assert stamp(BEGUN) == "nothing to compare yet"


def test_the_index_lists_every_experiment() -> None:
    page = render_index([RUNNING, FULL])
    assert "2 experiments" in page
    assert 'href="/experiments/new_model"' in page
    assert "no experiment yet" in render_index([])
