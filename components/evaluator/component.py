"""Declarations: the stock TFX Evaluator with our metrics, and the gate that blesses a model or does not."""

from __future__ import annotations

import json
from typing import Any

import tensorflow_model_analysis as tfma
from tfx.components import Evaluator
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import artifact, channel, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.evaluator.config import EvaluateConfig
from components.evaluator.executor import GateExecutor
from components.signature import SIGNATURE

SPLIT = "test"
"""The split that evaluation sees, and nothing before it."""


class Verdict(artifact.Artifact):
    """``verdict.json``: what every gate said about a model, and the sentence about all of them."""

    TYPE_NAME = "Verdict"


def evaluation_config(config: EvaluateConfig, label: str, task: str, positive: Any = None) -> tfma.EvalConfig:
    """Returns TFMA's configuration for a slice of the document; it has no thresholds, our gate decides."""
    metrics = tfma.MetricConfig(
        class_name="TaskMetrics",
        module="components.evaluator.tfma_metrics",
        config=json.dumps(
            {
                "task": task,
                "metrics": config.metrics,
                "intervals": config.confidence_intervals,
                "positive": positive,
            },
            sort_keys=True,
        ),
    )
    slicings = [[name] if isinstance(name, str) else list(name) for name in config.slices]
    result = tfma.EvalConfig(
        model_specs=[tfma.ModelSpec(signature_name=SIGNATURE, label_key=label, model_type="tf_generic")],
        slicing_specs=[tfma.SlicingSpec(), *(tfma.SlicingSpec(feature_keys=keys) for keys in slicings)],
        metrics_specs=[tfma.MetricsSpec(metrics=[metrics])],
    )
    result.options.include_default_metrics.value = False
    return result


def make_evaluator(
    config: EvaluateConfig,
    label: str,
    task: str,
    examples: channel.BaseChannel,
    model: channel.BaseChannel,
    baseline_model: channel.BaseChannel | None = None,
    schema: channel.BaseChannel | None = None,
    positive: Any = None,
) -> Evaluator:
    """Returns the stock Evaluator over the test split, with our batch-wise extractor and metrics.

    Args:
        config: The ``evaluate`` slice of the document.
        label: Feature of the label.
        task: binary, multiclass or regression.
        examples: Raw Examples with a test split.
        model: The candidate.
        baseline_model: The last blessed model; an empty channel evaluates the candidate alone.
        schema: Schema of the raw Examples.
        positive: Positive label of a binary task; None means 1 or true.
    """
    return Evaluator(
        examples=examples,
        model=model,
        baseline_model=baseline_model,
        schema=schema,
        eval_config=evaluation_config(config, label, task, positive),
        example_splits=[SPLIT],
        module_path="components.evaluator.module",
    )


class EvaluationGateSpec(ComponentSpec):
    """Inputs, outputs and parameters of the gate."""

    PARAMETERS = {
        "config": ExecutionParameter(type=str),
        "task": ExecutionParameter(type=str),
    }
    INPUTS = {
        "evaluation": ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "model": ChannelParameter(type=standard_artifacts.Model),
        "baseline_model": ChannelParameter(type=standard_artifacts.Model, optional=True),
    }
    OUTPUTS = {
        "blessing": ChannelParameter(type=standard_artifacts.ModelBlessing),
        "verdict": ChannelParameter(type=Verdict),
    }


class EvaluationGate(base_component.BaseComponent):
    """Decides from TFMA's metrics whether a model is blessed, and says why in one sentence.

    Args:
        config: The ``evaluate`` slice of the document.
        task: binary, multiclass or regression.
        evaluation: Output of the Evaluator.
        model: The candidate.
        baseline_model: The last blessed model, as the Evaluator got it.
    """

    SPEC_CLASS = EvaluationGateSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(GateExecutor)

    def __init__(
        self,
        config: EvaluateConfig,
        task: str,
        evaluation: channel.BaseChannel,
        model: channel.BaseChannel,
        baseline_model: channel.BaseChannel | None = None,
    ) -> None:
        super().__init__(
            spec=EvaluationGateSpec(
                config=config.canonical_json(),
                task=task,
                evaluation=evaluation,
                model=model,
                baseline_model=baseline_model,
                blessing=channel.Channel(type=standard_artifacts.ModelBlessing),
                verdict=channel.Channel(type=Verdict),
            )
        )
