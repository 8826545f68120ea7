"""Declaration of the validation gate; what the validators found decides here whether the run goes on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import artifact, channel, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.validation_gate.config import ValidateConfig
from components.validation_gate.executor import Executor

if TYPE_CHECKING:
    from components.node import Build


class ValidationReport(artifact.Artifact):
    """``report.json``: anomalies, warnings, leakage and every measured distance."""

    TYPE_NAME = "ValidationReport"


class ValidationGateSpec(ComponentSpec):
    """Inputs, outputs and parameters."""

    PARAMETERS = {
        "config": ExecutionParameter(type=str),
        "settings": ExecutionParameter(type=str),
    }
    INPUTS = {
        "examples": ChannelParameter(type=standard_artifacts.Examples),
        "statistics": ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "schema": ChannelParameter(type=standard_artifacts.Schema),
        "anomalies": ChannelParameter(type=standard_artifacts.ExampleAnomalies),
        "drift_anomalies": ChannelParameter(type=standard_artifacts.ExampleAnomalies, optional=True),
    }
    OUTPUTS = {"report": ChannelParameter(type=ValidationReport)}


class ValidationGate(base_component.BaseComponent):
    """Stops the run on an anomaly, or warns, as the document says; warns of leakage.

    Args:
        config: The ``validate`` slice of the document.
        label: Feature of the label.
        task: binary, multiclass or regression.
        positive: Positive label of a binary task; None means 1 or true.
        recorded_at: Feature with the moment of the prediction, or None.
        examples: Raw Examples with a train split.
        statistics: Output of StatisticsGen.
        schema: The schema that was validated against.
        anomalies: Output of ExampleValidator.
        drift_anomalies: Output of DistributionValidator against the span before, where drift is checked.
    """

    SPEC_CLASS = ValidationGateSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        config: ValidateConfig,
        label: str,
        task: str,
        positive: Any,
        recorded_at: str | None,
        examples: channel.BaseChannel,
        statistics: channel.BaseChannel,
        schema: channel.BaseChannel,
        anomalies: channel.BaseChannel,
        drift_anomalies: channel.BaseChannel | None = None,
    ) -> None:
        settings = {"label": label, "task": task, "positive": positive, "recorded_at": recorded_at}
        super().__init__(
            spec=ValidationGateSpec(
                config=config.canonical_json(),
                settings=json.dumps(settings, sort_keys=True),
                examples=examples,
                statistics=statistics,
                schema=schema,
                anomalies=anomalies,
                drift_anomalies=drift_anomalies,
                report=channel.Channel(type=ValidationReport),
            )
        )


def build(
    at: Build,
    examples: channel.BaseChannel,
    statistics: channel.BaseChannel,
    schema: channel.BaseChannel,
    anomalies: channel.BaseChannel,
    drift_anomalies: channel.BaseChannel | None = None,
) -> ValidationGate:
    """Returns the node."""
    document = at.document
    return ValidationGate(
        config=document.validation,
        label=document.data.label,
        task=document.model.task,
        positive=document.model.positive,
        recorded_at=document.data.recorded_at,
        examples=examples,
        statistics=statistics,
        schema=schema,
        anomalies=anomalies,
        drift_anomalies=drift_anomalies,
    )
