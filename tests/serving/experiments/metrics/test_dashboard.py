"""Every query of the dashboard asks for metrics and labels that are exposed."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.cli.main import app
from serving.experiments.metrics import dashboard, families

DASHBOARD = json.loads(dashboard.text())
SAMPLES = {name: family for family in families.FAMILIES for name in families.samples(family)}
OF_THE_CLIENT = {"process_cpu_seconds_total", "process_resident_memory_bytes"}
WORDS = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
OF_PROMQL = {
    "sum",
    "by",
    "max",
    "min",
    "avg",
    "count",
    "rate",
    "increase",
    "topk",
    "histogram_quantile",
    "on",
    "group_left",
    "or",
    "label_values",
    "le",
}
OF_THE_SCRAPE = {"job", "instance"}
VARIABLES = {"datasource", "experiment", "job", "__rate_interval", "__all"}
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [(panel["title"], target) for panel in PANELS for target in panel["targets"]]


@pytest.mark.parametrize(
    ("title", "target"), QUERIES, ids=[f"{title}-{target['refId']}" for title, target in QUERIES]
)
def test_a_query_asks_for_what_is_there(title: str, target: dict[str, Any]) -> None:
    expression = target["expr"]
    assert expression.count("(") == expression.count(")") and expression.count("{") == expression.count("}")
    assert set(re.findall(r"\$(\w+)", expression)) <= VARIABLES
    bare = re.sub(r'"[^"]*"|\[[^\]]*\]', "", expression)
    names = set(WORDS.findall(bare))
    metrics = {name for name in names if name.startswith(("penstock_", "process_"))}
    assert metrics and metrics <= set(SAMPLES) | OF_THE_CLIENT
    labels = names - metrics - OF_PROMQL
    known = {label for name in metrics if name in SAMPLES for label in SAMPLES[name].labels} | OF_THE_SCRAPE
    assert labels <= known, f"{title}: no metric of the query has {labels - known}"
    legend = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
    grouped = [set(re.split(r",\s*", part)) for part in re.findall(r" by \(([^)]*)\)", expression)]
    assert all(legend <= known for known in grouped) or "on (" in expression
    for name in metrics & set(SAMPLES):
        assert name.endswith("_total") <= ("rate(" in expression or "increase(" in expression), (
            "a counter needs a rate"
        )


def test_every_metric_is_on_the_dashboard() -> None:
    asked = " ".join(target["expr"] for _, target in QUERIES)
    unasked = {
        family.name
        for family in families.FAMILIES
        if not any(name in asked for name in families.samples(family))
    }
    assert unasked == {"penstock_shadow_request_duration_seconds"}


def test_panels_have_a_place_of_their_own() -> None:
    cells: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        mine = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not mine & cells and max(x for x, _ in mine) < 24
        cells |= mine
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_the_variables_ask_for_what_is_there() -> None:
    queries = [one["query"]["query"] for one in DASHBOARD["templating"]["list"] if one["type"] == "query"]
    for query in queries:
        metric, label = re.findall(r"label_values\((\w+), (\w+)\)", query)[0]
        assert label in SAMPLES[metric].labels or label in OF_THE_SCRAPE


def test_the_command_prints_it() -> None:
    printed = CliRunner().invoke(app, ["experiment", "dashboard"])
    assert json.loads(printed.stdout) == DASHBOARD
