"""Contradictions in the ``evaluate`` section: metrics, slices, gates."""

from __future__ import annotations

from collections.abc import Iterator

from components.evaluation_gate.config import GateConfig
from components.evaluator.metrics import CLASS_METRICS, METRICS, metric_named, metrics_of
from foundation.document.problems import Path, Problem
from foundation.errors import near_miss
from pipeline.document.checks.data import given_features
from pipeline.document.checks.features import unknown_feature
from pipeline.document.models import PipelineSpec

OVERALL = "overall"
"""The slice that holds every row."""


def slice_name(columns: str | list[str]) -> str:
    """Returns the name of a slice in a gate: its features, joined by commas."""
    return columns if isinstance(columns, str) else ",".join(columns)


def slices(spec: PipelineSpec) -> Iterator[Problem]:
    """Finds slices by unknown features, or by ones with nearly as many values as rows."""
    given = given_features(spec)
    for index, columns in enumerate(spec.evaluate.slices):
        single = isinstance(columns, str)
        for place, name in enumerate([columns] if isinstance(columns, str) else columns):
            path: Path = ("evaluate", "slices", index) if single else ("evaluate", "slices", index, place)
            remedy = unknown_feature(name, spec)
            kind = given[name].type if name in given else None
            if remedy:
                yield Problem(path, f"no field provides the slice {name!r}", remedy=remedy)
            elif kind in ("float", "date", "objectid_time"):
                what = f"a slice for each value of {name!r}, declared as {kind}"
                yield Problem(
                    path, what, expected="a feature with few values", remedy="slice by text or whole numbers"
                )


def gate_slices(spec: PipelineSpec) -> Iterator[Problem]:
    """Finds gates on slices that are not computed."""
    known = [OVERALL, *(slice_name(columns) for columns in spec.evaluate.slices)]
    for metric, gate in _gates(spec):
        for index, name in enumerate(gate.slices):
            if name.replace(" ", "") not in known:
                remedy = (
                    near_miss(name, known) or f"add it to evaluate.slices, or name one of {', '.join(known)}"
                )
                what = f"the slice {name!r} is not among evaluate.slices"
                yield Problem(("evaluate", "gates", metric, "slices", index), what, remedy=remedy)


def metrics(spec: PipelineSpec) -> Iterator[Problem]:
    """Finds metrics that the task does not have, and duplicate ones."""
    task = spec.model.task
    known = metrics_of(task)
    for index, name in enumerate(spec.evaluate.metrics):
        path: Path = ("evaluate", "metrics", index)
        if name not in known:
            remedy = near_miss(name, known) or f"known for {task}: {', '.join(known)}"
            yield Problem(path, f"a {task} model has no metric {name!r}", remedy=remedy)
        elif name in spec.evaluate.metrics[:index]:
            yield Problem(path, f"the metric {name!r} is listed twice", remedy="keep one")


def gates(spec: PipelineSpec) -> Iterator[Problem]:
    """Finds gates on metrics that are not computed, and missing gates without an explicit ``none``."""
    computed = spec.evaluate.metrics
    if spec.evaluate.gates != "none" and not spec.evaluate.gates:
        remedy = "write gates: none if every model should be blessed"
        yield Problem(("evaluate", "gates"), "no gate is given", remedy=remedy, on_key=True)
    for metric, _ in _gates(spec):
        whole, bracket, _ = metric.partition("[")
        of_class = bracket and whole in computed and whole in CLASS_METRICS and metric.endswith("]")
        if metric not in computed and not (of_class and spec.model.task == "multiclass"):
            remedy = (
                near_miss(metric, [name for name in computed if name in METRICS])
                or f"add {metric} to evaluate.metrics"
            )
            yield Problem(
                ("evaluate", "gates", metric),
                f"a gate on {metric!r}, which is not computed",
                remedy=remedy,
                on_key=True,
            )


def bounds(spec: PipelineSpec) -> Iterator[Problem]:
    """Finds bounds that no model can meet, and decisions on values that are not computed."""
    for metric, gate in _gates(spec):
        path: Path = ("evaluate", "gates", metric)
        low, high = gate.at_least, gate.at_most
        if low is not None and high is not None and low > high:
            yield Problem(
                (*path, "at_least"), f"at_least {low:g} is above at_most {high:g}; no model can meet both"
            )
        known = metric_named(metric)
        if known and known.is_share and low is not None and low > 1:
            yield Problem(
                (*path, "at_least"),
                f"{metric} cannot exceed 1",
                seen=f"{low:g}",
                remedy=f"write {low / 100:g} for {low:g}%",
            )
        if not spec.evaluate.confidence_intervals:
            yield from _needing_intervals(path, gate)
        if known and known.higher_is_better is None:
            yield from _undirected(path, metric, gate, known.best is not None)
        if spec.model.task != "binary":
            for key in ("min_positives", "min_negatives"):
                if getattr(gate, key):
                    what = f"{key} counts labels of a binary task, this one is {spec.model.task}"
                    yield Problem((*path, key), what, remedy="use min_rows")


def _needing_intervals(path: Path, gate: GateConfig) -> Iterator[Problem]:
    needing = {
        "on_interval": bool(gate.on_interval),
        "better_than_constant": gate.better_than_constant,
        "slices": any(name.replace(" ", "") != OVERALL for name in gate.slices),
    }
    for key, needed in needing.items():
        if needed:
            said = (
                "it tells a loss in a slice from chance" if key == "slices" else "it decides on the interval"
            )
            what = f"{key}: {said}, but confidence_intervals is false"
            yield Problem((*path, key), what, remedy="set confidence_intervals: true")


def _undirected(path: Path, metric: str, gate: GateConfig, has_best: bool) -> Iterator[Problem]:
    others = {
        "not_worse_than_blessed_by": "the blessed one",
        "not_worse_than_linear_by": "the linear baseline",
        "better_than_constant": "the constant baseline",
    }
    for key, other in others.items():
        value = getattr(gate, key)
        given = value is not None and value is not False
        if given and (not has_best or key == "better_than_constant"):
            word = "better" if key == "better_than_constant" else "worse"
            what = f"{metric} has no better direction, so no model can be {word} than {other}"
            yield Problem((*path, key), what, remedy="give at_least and at_most")


def _gates(spec: PipelineSpec) -> list[tuple[str, GateConfig]]:
    return [] if spec.evaluate.gates == "none" else list(spec.evaluate.gates.items())
