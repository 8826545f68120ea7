"""Gathers what a report shows from the files that the nodes of a run left behind. Loads no TensorFlow."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

from foundation.errors import DataError
from pipeline.report import evaluation, preparation, serving, training
from pipeline.report.data import (
    Curve,
    Distance,
    FeatureView,
    Finding,
    GateRow,
    Ingestion,
    MetricRow,
    Serving,
    Trial,
    Verdict,
)
from pipeline.report.statistics import read_features

ROLES = {
    "examples": ("MongoExampleGen", "examples"),
    "statistics": ("StatisticsGen", "statistics"),
    "validation": ("ValidationGate", "report"),
    "tuning": ("Tuner", "tuner_results"),
    "training": ("Trainer", "model_run"),
    "verdict": ("EvaluationGate", "verdict"),
    "serving": ("InfraValidator", "report"),
}
"""Role of an artifact in the report → node and output key that it comes from."""

ArtifactPaths = Mapping[str, Path]
"""Role → folder; a role that a run did not come to is left out."""


class Collected(TypedDict, total=False):
    """The fields of ``ReportData`` that come from artifacts."""

    ingestion: Ingestion
    features: tuple[FeatureView, ...]
    findings: tuple[Finding, ...]
    distances: tuple[Distance, ...]
    curves: tuple[Curve, ...]
    trials: tuple[Trial, ...]
    verdict: Verdict
    gates: tuple[GateRow, ...]
    metrics: tuple[MetricRow, ...]
    serving: Serving


def collect(paths: ArtifactPaths, metric_order: list[str]) -> Collected:
    """Reads everything that the artifacts of a run have to say.

    Args:
        paths: Role → folder of the artifact.
        metric_order: Metrics in the order of the document.

    Raises:
        DataError: A file that its node writes is missing or does not parse.
    """
    found = Collected()
    types: Mapping[str, str] = {}
    if "examples" in paths:
        content = read_json(paths["examples"] / "ingestion.json")
        found["ingestion"] = preparation.ingestion_of(content)
        types = preparation.types_of(content)
    if "statistics" in paths:
        found["features"] = read_features(paths["statistics"], types)
    if "validation" in paths:
        content = read_json(paths["validation"] / "report.json")
        found["findings"] = preparation.findings_of(content)
        found["distances"] = preparation.distances_of(content)
    if "tuning" in paths:
        found["trials"] = training.trials_of(read_json(paths["tuning"] / "tuner_results.json"))
    if "training" in paths:
        found["curves"] = training.curves_of(read_json(paths["training"] / "history.json"))
    if "verdict" in paths:
        content = read_json(paths["verdict"] / "verdict.json")
        found["verdict"] = evaluation.verdict_of(content)
        found["gates"] = evaluation.gates_of(content)
        found["metrics"] = evaluation.metrics_of(content, metric_order)
    if "serving" in paths:
        found["serving"] = serving.serving_of(read_json(paths["serving"] / "infra_validation.json"))
    return found


def read_json(file: Path) -> Any:
    """Returns the content of a JSON file.

    Raises:
        DataError: It is missing or does not parse.
    """
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        remedy = "run the node again with --force"
        raise DataError(
            f"{file}", expected="the JSON file of its node", seen=str(error), remedy=remedy
        ) from error
