"""All metrics of a task as one TFMA metric with a batch-wise combiner.

TFMA's own metrics cost about half a millisecond of Python per row, and its jackknife a Beam graph of twenty combiners.
Here the extractor emits one element per batch and slice, and the combiner keeps sums per jackknife bucket. Values and
intervals still go through TFMA's evaluator and writers, so TFMA's readers and notebooks work as usual.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_types

from components.evaluator import scores

BATCH_KEY = "penstock_batch"
"""Key of the extract that holds a ``Batch``."""
ROWS = "example_count"
"""Metric with the number of evaluated rows in a slice."""
UNLABELLED = "rows_without_label"
"""Metric with the number of rows in a slice that are not evaluated because they have no label."""


@dataclass
class Batch:
    """Rows of one slice of one batch: per model [n] predictions (or [n, classes]) and labels; [n] buckets."""

    labels: dict[str, Any]
    predictions: dict[str, Any]
    buckets: Any
    unlabelled: int


@dataclass
class Tally:
    """Running totals of a slice: per model the [BUCKETS, columns] sums, and the ranked columns in pieces."""

    sums: dict[str, Any] = field(default_factory=dict)
    ranked: dict[str, list[tuple[Any, Any, Any]]] = field(default_factory=dict)
    unlabelled: int = 0


class _HandOver(metric_types.Preprocessor):
    """Passes only the batch to the combiner."""

    def process(self, extracts: tfma.Extracts) -> Iterable[Batch]:
        yield extracts[BATCH_KEY]


class TaskMetrics(metric_types.Metric):
    """The metrics of a task.

    Args:
        task: binary, multiclass or regression.
        metrics: Names to compute, keys of ``METRICS``.
        intervals: Whether to compute 95% intervals.
        positive: The positive label of a binary task (read by the extractor).
        name: TFMA's name of the metric.
    """

    def __init__(
        self,
        task: str,
        metrics: list[str],
        intervals: bool = True,
        positive: Any = None,
        name: str = "task_metrics",
    ) -> None:
        super().__init__(
            _computations, task=task, metrics=metrics, intervals=intervals, positive=positive, name=name
        )


metric_types.register_metric(TaskMetrics)


def _computations(
    task: str,
    metrics: list[str],
    intervals: bool,
    positive: Any = None,
    name: str = "",
    model_names: list[str] | None = None,
    eval_config: Any = None,
    **_: Any,
) -> metric_types.MetricComputations:
    baseline = next((s.name for s in eval_config.model_specs if s.is_baseline), None) if eval_config else None
    combiner = TaskCombiner(task, metrics, intervals, model_names or [""], baseline)
    return [metric_types.MetricComputation(keys=[], preprocessors=[_HandOver()], combiner=combiner)]


class TaskCombiner(beam.CombineFn):
    """Adds up batches and turns the sums into values with intervals; with a baseline, paired differences too."""

    def __init__(
        self, task: str, metrics: list[str], intervals: bool, models: list[str], baseline: str | None
    ) -> None:
        self._task, self._metrics, self._intervals = task, metrics, intervals
        self._models, self._baseline = models, baseline
        self._ranks = scores.needs_order(metrics)

    def create_accumulator(self) -> Tally:
        """Returns an empty tally."""
        return Tally()

    def add_input(self, tally: Tally, batch: Batch) -> Tally:
        """Adds one batch."""
        tally.unlabelled += batch.unlabelled
        for model in self._models:
            labels, predictions = batch.labels[model], batch.predictions[model]
            rows = scores.row_columns(self._task, labels, predictions, self._metrics)
            sums = scores.bucket_sums(rows, batch.buckets)
            tally.sums[model] = tally.sums.get(model, 0.0) + sums
            if self._ranks:
                piece = (
                    predictions.astype(np.float32),
                    labels.astype(np.float32),
                    batch.buckets.astype(np.uint8),
                )
                tally.ranked.setdefault(model, []).append(piece)
        return tally

    def merge_accumulators(self, tallies: Iterable[Tally]) -> Tally:
        """Adds up tallies."""
        result = Tally()
        for tally in tallies:
            result.unlabelled += tally.unlabelled
            for model, sums in tally.sums.items():
                result.sums[model] = result.sums.get(model, 0.0) + sums
                result.ranked.setdefault(model, []).extend(tally.ranked.get(model, []))
        return result

    def compact(self, tally: Tally) -> Tally:
        """Joins the pieces before the tally is sent on."""
        for model, pieces in tally.ranked.items():
            if len(pieces) > 1:
                tally.ranked[model] = [_join(pieces)]
        return tally

    def extract_output(self, tally: Tally) -> dict[metric_types.MetricKey, Any]:
        """Returns TFMA's metric key → value with its interval."""
        result: dict[metric_types.MetricKey, Any] = {}
        samples = {model: self._samples(tally, model) for model in self._models if model in tally.sums}
        for model, values in samples.items():
            rows = tally.sums[model][:, 0]
            result[metric_types.MetricKey(ROWS, model_name=model)] = float(rows.sum())
            result[metric_types.MetricKey(UNLABELLED, model_name=model)] = float(tally.unlabelled)
            for name, sample in values.items():
                result[metric_types.MetricKey(name, model_name=model)] = self._value(sample, rows)
                if self._baseline in samples and model != self._baseline:
                    change = sample - samples[self._baseline][name]
                    key = metric_types.MetricKey(name, model_name=model, is_diff=True)
                    result[key] = self._value(change, rows)
        return result

    def _samples(self, tally: Tally, model: str) -> dict[str, Any]:
        pieces = tally.ranked.get(model)
        ranked = _join(pieces) if pieces else None
        return scores.metric_samples(self._task, self._metrics, tally.sums[model], ranked)

    def _value(self, sample: Any, rows: Any) -> Any:
        if not self._intervals:
            return float(sample[0])
        error, freedom = scores.standard_error(sample, int((rows > 0).sum()))
        return tfma.types.ValueWithTDistribution(float(sample[0]), error, max(freedom, 1), float(sample[0]))


def _join(pieces: list[tuple[Any, Any, Any]]) -> tuple[Any, Any, Any]:
    predictions, labels, buckets = (np.concatenate(column) for column in zip(*pieces, strict=True))
    return predictions, labels, buckets
