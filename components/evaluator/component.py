"""Declaration of the Evaluator: the stock TFX component with our metrics, and an executor that needs no Beam for few rows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import tensorflow_model_analysis as tfma
from tfx.components import Evaluator
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.types import channel

from components.evaluator.config import MeasureConfig
from components.evaluator.executor import Executor
from components.evaluator.rows import ID
from components.exports.groups import GROUP_FEATURE
from foundation.saved_model import EXAMPLES_SIGNATURE

if TYPE_CHECKING:
    from components.node import Build, Document


SPLIT = "test"
"""The split used for evaluation and nothing else."""


def evaluation_config(
    config: MeasureConfig, label: str, task: str, positive: Any = None, group_by: str = ID
) -> tfma.EvalConfig:
    """Returns TFMA's configuration for a slice of the document; it has no thresholds because our gate decides."""
    metrics = tfma.MetricConfig(
        class_name="TaskMetrics",
        module="components.evaluator.tfma_metrics",
        config=json.dumps(
            {
                "task": task,
                "metrics": config.metrics,
                "intervals": config.confidence_intervals,
                "positive": positive,
                "group_by": group_by,
            },
            sort_keys=True,
        ),
    )
    slicings = [[name] if isinstance(name, str) else list(name) for name in config.slices]
    result = tfma.EvalConfig(
        model_specs=[
            tfma.ModelSpec(signature_name=EXAMPLES_SIGNATURE, label_key=label, model_type="tf_generic")
        ],
        slicing_specs=[tfma.SlicingSpec(), *(tfma.SlicingSpec(feature_keys=keys) for keys in slicings)],
        metrics_specs=[tfma.MetricsSpec(metrics=[metrics])],
    )
    result.options.include_default_metrics.value = False
    return result


def make_evaluator(
    config: MeasureConfig,
    label: str,
    task: str,
    examples: channel.BaseChannel,
    model: channel.BaseChannel,
    baseline_model: channel.BaseChannel | None = None,
    schema: channel.BaseChannel | None = None,
    positive: Any = None,
    group_by: str = ID,
) -> Evaluator:
    """Returns the stock Evaluator over the test split, with our batch-wise extractor and metrics.

    Args:
        config: The ``evaluate`` slice of the document.
        label: Feature of the label.
        task: binary, multiclass or regression.
        examples: Raw Examples with a test split.
        model: The candidate.
        baseline_model: The last blessed model; an empty channel means the candidate is evaluated alone.
        schema: Schema of the raw Examples.
        positive: Positive label of a binary task; None means 1 or true.
        group_by: Feature that rows which belong together share.
    """
    node = Evaluator(
        examples=examples,
        model=model,
        baseline_model=baseline_model,
        schema=schema,
        eval_config=evaluation_config(config, label, task, positive, group_by),
        example_splits=[SPLIT],
        module_path="components.evaluator.module",
    )
    # The node stays TFX's own type, so that ML Metadata counts it with those of earlier versions.
    node.executor_spec = BeamExecutorSpec(Executor)
    return node


def build(
    at: Build,
    examples: channel.BaseChannel,
    model: channel.BaseChannel,
    baseline_model: channel.BaseChannel,
    schema: channel.BaseChannel,
) -> Evaluator:
    """Returns the node."""
    document = at.document
    return make_evaluator(
        config=document.evaluate,
        label=document.data.label,
        task=document.model.task,
        examples=examples,
        model=model,
        baseline_model=baseline_model,
        schema=schema,
        positive=document.model.positive,
        group_by=group_feature(document),
    )


def group_feature(document: Document) -> str:
    """Returns the feature that says which rows share the split's key: the key itself, or the number that ingestion writes."""
    by = document.data.split.by
    return by if by == ID or document.data.bigquery else GROUP_FEATURE
