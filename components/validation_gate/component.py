"""Declaration of the validation gate, which decides from the validators' findings whether the run continues."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import artifact, standard_artifacts
from tfx.types.channel import BaseChannel

from components.own import OwnComponent
from components.validation_gate.executor import Executor
from components.validation_gate.node import dates, group_by, uncounted_key

if TYPE_CHECKING:
    from components.node import Build


class ValidationReport(artifact.Artifact):
    """``report.json``: anomalies, warnings, leakage and every comparison of two distributions."""

    TYPE_NAME = "ValidationReport"


class ValidationGate(OwnComponent):
    """Stops the run or warns on an anomaly, as the document says; warns of leakage.

    ``config`` is the ``validate`` slice of the document; ``settings`` are label, task, positive, recorded_at
    dates (features declared as dates)
    group_by (features that say which rows belong together) and uncounted_key (the split's key if no field reads it).
    """

    PARAMETERS = {"config": str, "settings": str}
    INPUTS = {
        "examples": standard_artifacts.Examples,
        "statistics": standard_artifacts.ExampleStatistics,
        "schema": standard_artifacts.Schema,
        "anomalies": standard_artifacts.ExampleAnomalies,
        "drift_anomalies": standard_artifacts.ExampleAnomalies,
        "previous_examples": standard_artifacts.Examples,
    }
    OPTIONAL = frozenset({"drift_anomalies", "previous_examples"})
    OUTPUTS = {"report": ValidationReport}
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)


def build(at: Build, **channels: BaseChannel) -> ValidationGate:
    """Returns the node; ``channels`` are its inputs."""
    document = at.document
    settings = {
        "label": document.data.label,
        "task": document.model.task,
        "positive": document.model.positive,
        "recorded_at": document.data.recorded_at,
        "dates": dates(document),
        "group_by": group_by(document),
        "uncounted_key": uncounted_key(document),
    }
    return ValidationGate(config=document.validation, settings=settings, **channels)
