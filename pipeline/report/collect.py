"""Gathers what a report shows from the result files of a run's nodes. Does not load TensorFlow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypedDict

from components.evaluation_gate.result import OVERALL, Metric, Verdict
from components.infra_validator.result import InfraValidation
from components.mongo_example_gen.notices import notices
from components.mongo_example_gen.result import Ingestion
from components.trainer.result import TrainingHistory
from components.tuner.result import Trials
from components.validation_gate.result import Validation
from pipeline.report.data import Curve, FeatureView
from pipeline.report.statistics import read_features
from pipeline.runs.results import RunResults

_NO_CURVES = ("epoch", "seconds", "learning_rate")


class Collected(TypedDict, total=False):
    """The fields of ``ReportData`` that come from artifacts."""

    ingestion: Ingestion | None
    notices: tuple[str, ...]
    features: tuple[FeatureView, ...]
    validation: Validation | None
    curves: tuple[Curve, ...]
    training: str
    tuning: Trials | None
    verdict: Verdict | None
    about_references: tuple[str, ...]
    metrics: tuple[Metric, ...]
    serving: InfraValidation | None


def collect(results: RunResults, metric_order: Sequence[str]) -> Collected:
    """Reads everything a report needs from the artifacts of a run.

    Args:
        results: The run's results.
        metric_order: Metrics in the order of the document.

    Raises:
        DataError: A file that a node must write is missing or damaged.
    """
    ingestion, verdict = results.read(Ingestion), results.read(Verdict)
    types = {field.feature: field.type for field in ingestion.fields if field.type} if ingestion else {}
    statistics = results.folder("StatisticsGen", "statistics")
    history = results.read(TrainingHistory)
    return Collected(
        ingestion=ingestion,
        notices=tuple(said for found in results.find_all(Ingestion) for said in notices(found)),
        features=read_features(statistics, types) if statistics else (),
        validation=results.read(Validation),
        curves=curves_of(history) if history else (),
        training=history.sentence if history else "",
        tuning=results.read(Trials),
        verdict=verdict,
        about_references=history.about_references if history else (),
        metrics=in_order(verdict.metrics, metric_order) if verdict else (),
        serving=results.read(InfraValidation),
    )


def curves_of(history: TrainingHistory) -> tuple[Curve, ...]:
    """Returns one curve per training metric, the loss first."""
    epochs = history.epochs
    names = [
        name
        for name in (epochs[0] if epochs else {})
        if name not in _NO_CURVES and not name.startswith("val_")
    ]

    def values(name: str) -> tuple[float, ...]:
        return tuple(epoch[name] for epoch in epochs if name in epoch)

    return tuple(
        Curve(name, values(name), values(f"val_{name}"))
        for name in sorted(names, key=lambda name: name != "loss")
    )


def in_order(metrics: Iterable[Metric], order: Sequence[str]) -> tuple[Metric, ...]:
    """Returns metrics in the document's order, each for the whole split, then its slices from large to small."""
    place = {name: i for i, name in enumerate(order)}

    def key(row: Metric) -> tuple[int, bool, str, int]:
        whole = row.slice == OVERALL
        return place.get(row.metric, len(place)), not whole, row.slice.partition("=")[0], -row.rows

    return tuple(sorted(metrics, key=key))
