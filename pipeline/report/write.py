"""Renders ``ReportData`` as one self-contained HTML file: style and charts are inline, no scripts."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from markupsafe import Markup

from components.bulk_inferrer.sentences import predicted, unidentified
from components.evaluation_gate.beside import beside
from components.evaluation_gate.result import OVERALL, Metric, Verdict
from foundation.pages import base_style
from foundation.publish import write_text
from pipeline.report import svg, text, validation
from pipeline.report.data import ReportData

_FOLDER = Path(__file__).parent
FEWEST_ROWS = 50
"""The intervals of slices with fewer rows do not stretch their metric's axis; their lines are clipped at the edge."""


@dataclass(frozen=True)
class MetricTable:
    """One metric's rows, their shared scale, the gates' bounds, and whether the table starts expanded."""

    metric: str
    rows: tuple[Metric, ...]
    scale: svg.Scale
    bounds: tuple[float, ...]
    open: bool

    @property
    def has_baseline(self) -> bool:
        """Whether there is a blessed model to compare with."""
        return any(row.baseline is not None for row in self.rows)

    @property
    def overall(self) -> Metric | None:
        """The row of the whole split."""
        return next((row for row in self.rows if row.slice == "overall"), None)


@dataclass(frozen=True)
class Headline:
    """The headline: a tone (good, bad, neutral), a word, a sentence, and further details."""

    tone: str
    word: str
    sentence: str
    more: str = ""


def write_report(data: ReportData, path: str | os.PathLike[str]) -> None:
    """Writes the report of a run, under a temporary name and then renamed.

    Args:
        data: What the report shows.
        path: The HTML file.

    Raises:
        StorageError: The file cannot be written.
    """
    write_text(path, render(data))


def render(data: ReportData) -> str:
    """Returns the report as HTML."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from foundation.pages.compiled import KeptTemplates

    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        bytecode_cache=KeptTemplates(_FOLDER),
    )
    environment.filters.update(
        number=text.number,
        metric=text.metric,
        against=text.against,
        count=text.count,
        share=text.share,
        duration=text.duration,
        moment=text.moment,
        words=text.words,
        breakable=_breakable,
    )
    return environment.get_template("report.html.j2").render(_view(data))


def _view(data: ReportData) -> dict[str, Any]:
    return {
        "data": data,
        "style": base_style() + (_FOLDER / "report.css").read_text(encoding="utf-8"),
        "svg": svg,
        "checks": validation,
        "headline": headline(data),
        "tables": metric_tables(data),
        "longest": max((node.seconds or 0.0 for node in data.nodes), default=0.0) or 1.0,
        "notices": data.notices,
        "predicted": predicted(data.predictions) if data.predictions else "",
        "unidentified": unidentified(data.predictions) if data.predictions else [],
        "beside": beside(data.verdict) if data.verdict else [],
        "overall": [row for row in data.metrics if row.slice == "overall"],
    }


def _breakable(name: str) -> Markup:
    """Lets ``country=BR`` break after the equals sign in narrow columns."""
    return Markup("=<wbr>").join(name.split("="))


def headline(data: ReportData) -> Headline:
    """Returns the verdict on the run in one sentence."""
    if data.state == "failed":
        failed = next((node for node in data.nodes if node.state == "failed"), None)
        where = f"{failed.id} failed. " if failed else ""
        return Headline(
            "bad",
            "Failed",
            where + (data.error or (failed.note if failed else "") or "See the log of the run."),
        )
    if data.state == "interrupted":
        return Headline("neutral", "Interrupted", "The same command resumes where this run ended.")
    if data.verdict is None:
        return Headline("neutral", "Done", "The requested nodes ran; no model was evaluated.")
    if data.serving is not None and data.verdict.blessed and not data.serving.blessed:
        return Headline("bad", "Not fit to serve", data.serving.reason, "The gates on metrics hold.")
    return _judged(data.verdict)


def _judged(verdict: Verdict) -> Headline:
    """Splits the verdict: its first part is the headline, the rest follows in smaller type."""
    first, *others = verdict.reason.rstrip(".").split("; ")
    flips = [f"what would flip it: {flip}" for flip in verdict.flips if flip not in verdict.sentence]
    more = "; ".join((*others, *flips))
    word = "Blessed" if verdict.blessed else "Not blessed"
    return Headline("good" if verdict.blessed else "bad", word, f"{first}.", more and f"{more}.")


def metric_tables(data: ReportData) -> list[MetricTable]:
    """Returns one table per metric, those with a gate first and expanded (without gates, the first is)."""
    names = list(dict.fromkeys(_whole(row.metric) for row in data.metrics))
    gated = {_whole(gate.metric) for gate in data.gates} & set(names) or set(names[:1])
    return [
        _metric_table(data, name, name in gated) for name in sorted(names, key=lambda name: name not in gated)
    ]


def _whole(metric: str) -> str:
    """Returns the metric that one of a class belongs to: ``recall`` for ``recall[setosa]``."""
    return metric.partition("[")[0]


def _class_of(metric: str) -> str:
    return f"class {metric.partition('[')[2].removesuffix(']')}"


def _metric_table(data: ReportData, name: str, unfolded: bool) -> MetricTable:
    classes = [row for row in data.metrics if row.metric != name == _whole(row.metric)]
    rows = (
        *(row for row in data.metrics if row.metric == name),
        *(replace(row, slice=_class_of(row.metric)) for row in classes if row.slice == OVERALL),
    )
    bounds = tuple(sorted({g.limit for g in data.gates if g.metric == name and g.limit is not None}))
    # The interval of a slice with a handful of rows is so wide that it would flatten all others.
    telling = [row for row in rows if row.rows >= FEWEST_ROWS] or rows
    values = [*bounds, *(v for row in telling for v in (row.value, row.low, row.high, row.baseline))]
    points = [v for row in rows for v in (row.value, row.baseline)]
    return MetricTable(name, rows, svg.Scale.over([*values, *_near(points, values)]), bounds, unfolded)


def _near(points: Sequence[float | None], values: Sequence[float | None]) -> list[float]:
    """Returns the points that stretch the range of the values at most threefold; the others are arrows at its edge."""
    known = [v for v in values if v is not None and math.isfinite(v)]
    if not known:
        return []
    width = max(known) - min(known)
    return [v for v in points if v is not None and min(known) - width <= v <= max(known) + width]
