"""The rendered report: self-contained, honest about every outcome, safe with any name."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from components.bulk_inferrer.result import ModelUsed, Predictions
from components.evaluation_gate.result import Interval, Metric, Verdict
from components.infra_validator.result import InfraValidation
from components.validation_gate.result import Validation
from foundation.errors import StorageError
from pipeline.report.data import NodeView
from pipeline.report.write import headline, metric_tables, render, write_report

HOSTILE = "<script>alert(1)</script>&\"'"


class Outline(HTMLParser):
    """Collects tags, ids and URLs; fails on tags that are not closed in order."""

    VOID = {"meta", "link", "br", "wbr", "hr", "img", "input"}

    def __init__(self) -> None:
        super().__init__()
        self.open, self.tags, self.attributes = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs


def outline(page: str) -> Outline:
    parsed = Outline()
    parsed.feed(page)
    assert parsed.open == []
    return parsed


def test_page_is_well_formed_and_needs_nothing_else(run):
    page = render(run)
    parsed = outline(page)
    assert "script" not in parsed.tags
    addresses = [value for name, value in parsed.attributes if name in ("src", "href", "xlink:href")]
    assert all(a.startswith("#") or a == "data:," for a in addresses)
    assert not re.search(r"url\(|@import|https?://", page)


def test_navigation_links_lead_to_sections(run):
    parsed = outline(render(run))
    ids = [value for name, value in parsed.attributes if name == "id"]
    anchors = [value[1:] for name, value in parsed.attributes if name == "href" and value.startswith("#")]
    assert set(anchors) <= set(ids)
    assert len(ids) == len(set(ids))


def test_hostile_names_stay_text(run):
    page = render(dataclasses.replace(run, pipeline=HOSTILE, error=HOSTILE, run_id=HOSTILE))
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_values_that_may_be_personal_are_not_shown(run):
    page = render(run)
    assert "8,123 distinct values. Not shown" in page


def test_run_without_anything_but_nodes_renders(run):
    bare = dataclasses.replace(
        run, ingestion=None, features=(), validation=None, curves=(), tuning=None, metrics=(), verdict=None, serving=None,
        lineage=()
    )  # fmt: skip
    outline(render(bare))
    assert headline(bare).word == "Done"


def test_the_report_says_when_nothing_was_found(run):
    assert "Nothing found." in render(dataclasses.replace(run, validation=Validation()))


@pytest.mark.parametrize(
    ("changes", "tone", "word"),
    [
        ({}, "good", "Blessed"),
        ({"verdict": Verdict(False, "auc is 0.61, needs 0.75.")}, "bad", "Not blessed"),
        ({"serving": InfraValidation(False, "the server does not load it.")}, "bad", "Not fit to serve"),
        ({"state": "failed", "error": "no space left"}, "bad", "Failed"),
        ({"state": "interrupted"}, "neutral", "Interrupted"),
    ],
    ids=["blessed", "not blessed", "not fit", "failed", "interrupted"],
)
def test_headline(run, changes, tone, word):
    said = headline(dataclasses.replace(run, **changes))
    assert (said.tone, said.word) == (tone, word)


def test_headline_of_a_failure_names_node_and_error(run):
    nodes = (
        NodeView("MongoExampleGen", "run", 1.0),
        NodeView("Transform", "failed", 2.0, note="no space left"),
    )
    said = headline(dataclasses.replace(run, state="failed", nodes=nodes))
    assert said.sentence == "Transform failed. no space left"


def test_headline_keeps_the_first_part_of_a_long_verdict(run):
    verdict = Verdict(True, "auc 0.82, bound ≥ 0.75; a second bound holds.", ("auc worse by 0.07",))
    said = headline(dataclasses.replace(run, verdict=verdict))
    assert said.sentence == "auc 0.82, bound ≥ 0.75."
    assert said.more == "a second bound holds; what would flip it: auc worse by 0.07."


def test_small_slices_do_not_stretch_the_axis(run):
    wide = dataclasses.replace(run.metrics[0], slice="country=NZ", low=-3.0, high=5.0, rows=4)
    table = metric_tables(dataclasses.replace(run, metrics=(*run.metrics[:3], wide)))[0]
    assert table.scale.low > 0
    assert table.scale.percent(5.0) == 100


def test_classes_are_rows_of_their_metric(run):
    whole = dataclasses.replace(run.metrics[0], metric="recall", slice="overall")
    classes = [dataclasses.replace(whole, metric=f"recall[{name}]", value=0.5) for name in ("a", "b")]
    sliced = dataclasses.replace(classes[0], slice="country=DE")
    (table,) = metric_tables(dataclasses.replace(run, verdict=None, metrics=(whole, *classes, sliced)))
    assert [row.slice for row in table.rows] == ["overall", "class a", "class b"]
    assert table.overall.value == whole.value


def test_gated_metrics_come_first_and_expanded(run):
    tables = metric_tables(run)
    assert [(t.metric, t.open) for t in tables] == [("auc", True), ("accuracy", True), ("calibration", False)]
    assert tables[0].bounds == (0.70, 0.75)


def test_the_report_is_published_completely_or_not_at_all(run, tmp_path):
    write_report(run, tmp_path / "runs" / "report.html")
    assert [f.name for f in (tmp_path / "runs").iterdir()] == ["report.html"]
    with pytest.raises(StorageError, match="runs"):
        write_report(run, tmp_path / "runs")
    assert [f.name for f in tmp_path.iterdir()] == ["runs"]


def predictions(**changes):
    model = ModelUsed("/models/5", 7, 9, "20260101T000000-aaaa", this_run=False)
    made = Predictions(
        True, 1200, "/out/predictions.jsonl", model=model, export="new/{SPAN}", span=3, quarantined=2
    )
    return dataclasses.replace(made, **changes)


def test_predictions_are_told_with_file_rows_bad_documents_and_model(run):
    page = render(dataclasses.replace(run, predictions=predictions(classes=(HOSTILE, "b"), without_id=4)))
    outline(page)
    assert (
        "Predicted: 1,200 documents, 2 documents could not be read, by version 7 of run 20260101T000000-aaaa"
        in page
    )
    assert "as this run&#39;s is not blessed" in page and "/out/predictions.jsonl" in page
    assert "(version 9 is served)" in page
    assert "4 documents of new/{SPAN} had no _id" in page
    assert HOSTILE not in page
    assert 'href="#predictions"' in page


def test_a_node_that_did_nothing_does_not_look_like_one_that_did(run):
    why = ("it is not fit to serve: too slow",)
    nodes = (*run.nodes, NodeView("BulkInferrer", "run", 0.1, (), withheld="nothing predicted"))
    page = render(dataclasses.replace(run, nodes=nodes, predictions=Predictions(False, why=why)))
    outline(page)
    assert '<span class="chip skipped">nothing predicted</span>' in page
    assert "Nothing was predicted: it is not fit to serve." in page


def test_simple_models_are_shown_beside_and_worse_is_said_only_where_it_is_sure(run):
    gains = {"linear": Interval(-0.004, -0.012, 0.004), "constant": Interval(0.31, 0.29, 0.33)}
    beside = {"linear": 0.824, "constant": 0.5}
    auc = Metric("auc", "overall", 0.82, 0.8, 0.84, 2411, references=beside, gains=gains)
    verdict = dataclasses.replace(run.verdict, metrics=(auc,))
    page = render(
        dataclasses.replace(run, verdict=verdict, about_references=(f"it takes {HOSTILE} as the mean",))
    )
    outline(page)
    table = page[page.index('id="beside"') :].split("</section>")[0]
    assert (
        "difference −0.004 (−0.012 to 0.004): not told apart" in table
        and "worse" not in table.split("<tbody>")[1]
    )
    assert "better by 0.310 (0.290 to 0.330)" in table and "0.8240" in table
    assert "<script>" not in table
    assert 'id="beside"' not in render(run)


def test_a_small_slice_near_the_others_is_inside_the_plot(run):
    rows = [Metric("auc", "overall", 0.80, 0.79, 0.81, 2000), Metric("auc", "plan=a", 0.79, 0.75, 0.83, 300)]
    rows += [
        Metric("auc", f"plan={name}", value, 0.5, 1.0, 12) for name, value in (("b", 0.8537), ("c", 0.8667))
    ]
    (table,) = metric_tables(replace(run, metrics=tuple(rows), verdict=None))
    places = [table.scale.percent(row.value) for row in rows]
    assert len(set(places)) == 4
    assert all(table.scale.holds(row.value) for row in rows)
    (far,) = metric_tables(
        replace(run, metrics=(*rows, Metric("auc", "plan=d", 0.1, 0.0, 1.0, 3)), verdict=None)
    )
    assert not far.scale.holds(0.1)
    assert far.scale == table.scale
