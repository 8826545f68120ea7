"""The node that stops a run or warns on an anomaly."""

from __future__ import annotations

from typing import Any

from components.exports.fields import ID, feature_name
from components.node import EXAMPLES, SCHEMA, Declaration, Document, Inputs, label_settings


def _settings(document: Document, inputs: Inputs) -> list[Any]:
    label, *task = label_settings(document)
    return [
        document.validation.model_dump(),
        label,
        document.data.recorded_at,
        dates(document),
        group_by(document),
        *task,
    ]


def dates(document: Document) -> list[str]:
    """Returns the features that the document declares as dates."""
    return sorted(
        feature_name(path, field)
        for path, field in document.ingested_fields().items()
        if field.type in ("date", "objectid_time")
    )


def group_by(document: Document) -> list[str]:
    """Returns the feature of the split's key, if the document reads it: rows that share it belong together."""
    key = document.data.split.by
    return [feature_name(path, field) for path, field in document.ingested_fields().items() if path == key]


def uncounted_key(document: Document) -> str:
    """Returns the split's key where no field reads it, so that rows which share it cannot be told; empty otherwise."""
    key = document.data.split.by
    return "" if key == ID or group_by(document) else key


NODE = Declaration(
    "ValidationGate",
    phase="data",
    build="components.validation_gate.component:build",
    tensorflow=False,
    inputs={
        "examples": EXAMPLES,
        "statistics": "StatisticsGen.statistics",
        "schema": SCHEMA,
        "anomalies": "ExampleValidator.anomalies",
        "drift_anomalies": "DistributionValidator.anomalies",
        "previous_examples": "PreviousStatistics.examples",
    },
    settings=_settings,
    result=("report", "components.validation_gate.result:Validation"),
)
