"""All metrics of a task as one TFMA metric with a batch-wise combiner.

TFMA's own metrics cost about half a millisecond of Python per row, and its jackknife a Beam graph of twenty combiners.
Here the extractor emits one element per batch and slice, and the combiner keeps sums per group of rows. Values and
errors still go through TFMA's evaluator and writers, so TFMA's readers and notebooks work as usual.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_types

from components.evaluator import scores
from components.evaluator.rows import ID
from foundation.saved_model import CONSTANT, LINEAR

REFERENCES = (CONSTANT, LINEAR)
"""The simple models beside the candidate, in TFMA's keys as outputs of it."""
BATCH_KEY = "penstock_batch"
"""Key of the extract that holds a ``Batch``."""
ROWS = "example_count"
"""Metric with the number of evaluated rows in a slice."""
UNLABELLED = "rows_without_label"
"""Metric with the number of rows in a slice that are not evaluated because they have no label."""
GROUPS = "group_count"
"""Metric with the number of groups of rows that belong together, such as those of one user."""
POSITIVES, NEGATIVES = "positive_count", "negative_count"
"""Metrics with the number of rows of each label of a binary task."""
COUNTS = (ROWS, UNLABELLED, GROUPS, POSITIVES, NEGATIVES)
"""Metrics that say what the others are measured on."""


@dataclass
class Batch:
    """Rows of one slice of one batch: per model [n] predictions (or [n, classes]) and labels; [n] groups."""

    labels: dict[str, Any]
    predictions: dict[str, Any]
    groups: Any
    unlabelled: int


@dataclass
class Tally:
    """Running totals of a slice: per model the sums by group, and the ranked columns in pieces."""

    sums: dict[str, scores.GroupSums] = field(default_factory=dict)
    ranked: dict[str, list[tuple[Any, Any, Any]]] = field(default_factory=dict)
    unlabelled: int = 0

    def add(self, model: str, sums: scores.GroupSums) -> None:
        """Adds the sums of further rows."""
        self.sums[model] = self.sums[model] + sums if model in self.sums else sums


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
        group_by: Feature that rows which belong together share; by their ``_id`` all are independent.
        name: TFMA's name of the metric.
    """

    def __init__(
        self,
        task: str,
        metrics: list[str],
        intervals: bool = True,
        positive: Any = None,
        group_by: str = ID,
        name: str = "task_metrics",
    ) -> None:
        super().__init__(
            _computations,
            task=task,
            metrics=metrics,
            intervals=intervals,
            positive=positive,
            group_by=group_by,
            name=name,
        )


metric_types.register_metric(TaskMetrics)


def _computations(
    task: str,
    metrics: list[str],
    intervals: bool,
    positive: Any = None,
    group_by: str = ID,
    name: str = "",
    model_names: list[str] | None = None,
    eval_config: Any = None,
    **_: Any,
) -> metric_types.MetricComputations:
    baseline = next((s.name for s in eval_config.model_specs if s.is_baseline), None) if eval_config else None
    combiner = TaskCombiner(task, metrics, intervals, model_names or [""], baseline, group_by == ID)
    return [metric_types.MetricComputation(keys=[], preprocessors=[_HandOver()], combiner=combiner)]


class TaskCombiner(beam.CombineFn):
    """Adds up batches and turns the sums into values with intervals; with a baseline, paired differences too."""

    def __init__(
        self,
        task: str,
        metrics: list[str],
        intervals: bool,
        models: list[str],
        baseline: str | None,
        independent: bool,
    ) -> None:
        self._task, self._metrics, self._intervals = task, metrics, intervals
        self._models, self._baseline, self._independent = models, baseline, independent
        self._ranks = scores.needs_order(metrics)

    def create_accumulator(self) -> Tally:
        """Returns an empty tally."""
        return Tally()

    def add_input(self, tally: Tally, batch: Batch) -> Tally:
        """Adds one batch."""
        tally.unlabelled += batch.unlabelled
        for model, predictions in batch.predictions.items():
            labels = batch.labels[model]
            rows = scores.row_columns(self._task, labels, predictions, self._metrics)
            tally.add(model, scores.GroupSums.of(rows, batch.groups))
            if self._ranks:
                piece = (
                    predictions.astype(np.float32),
                    labels.astype(np.float32),
                    batch.groups.astype(np.uint16),
                )
                tally.ranked.setdefault(model, []).append(piece)
        return tally

    def merge_accumulators(self, tallies: Iterable[Tally]) -> Tally:
        """Adds up tallies."""
        result = Tally()
        for tally in tallies:
            result.unlabelled += tally.unlabelled
            for model, sums in tally.sums.items():
                result.add(model, sums)
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
        samples = {model: self._samples(tally, model) for model in tally.sums}
        for model, values in samples.items():
            if model in REFERENCES:
                continue
            for name, count in self._counts(tally.sums[model], tally.unlabelled).items():
                result[metric_types.MetricKey(name, model_name=model)] = float(count)
            for name, sample in values.items():
                result[metric_types.MetricKey(name, model_name=model)] = self._value(sample)
                if self._baseline in samples and model != self._baseline:
                    change = sample - samples[self._baseline][name]
                    key = metric_types.MetricKey(name, model_name=model, is_diff=True)
                    result[key] = self._value(change)
        for key, sample in self._beside(samples):
            result[key] = self._value(sample)
        return result

    def _beside(self, samples: dict[str, Any]) -> Iterator[tuple[metric_types.MetricKey, Any]]:
        """Yields each reference's values, and the candidate's minus them, as outputs of the candidate."""
        candidate = next(model for model in self._models if model != self._baseline)
        for reference in REFERENCES:
            for name, sample in samples.get(reference, {}).items():
                key = metric_types.MetricKey(name, model_name=candidate, output_name=reference)
                yield key, sample
                yield key.make_diff_key(), samples[candidate][name] - sample

    def _counts(self, total: scores.GroupSums, unlabelled: int) -> dict[str, float]:
        """Returns what a slice's metrics are measured on."""
        named = dict(zip(scores.sum_names(self._task, self._metrics), total.sums.sum(axis=0), strict=True))
        rows = int(named["rows"])
        groups = rows if self._independent else scores.distinct(len(total.groups), rows)
        counts: dict[str, float] = {ROWS: rows, UNLABELLED: unlabelled, GROUPS: groups}
        if self._task == "binary":
            counts |= {POSITIVES: int(named["label"]), NEGATIVES: rows - int(named["label"])}
        return counts

    def _samples(self, tally: Tally, model: str) -> dict[str, Any]:
        pieces = tally.ranked.get(model)
        ranked = _join(pieces) if pieces else None
        return scores.metric_samples(self._task, self._metrics, tally.sums[model], ranked)

    def _value(self, sample: Any) -> Any:
        if not self._intervals:
            return float(sample[0])
        error, freedom = scores.standard_error(sample)
        return tfma.types.ValueWithTDistribution(float(sample[0]), error, max(freedom, 1), float(sample[0]))


def _join(pieces: list[tuple[Any, Any, Any]]) -> tuple[Any, Any, Any]:
    predictions, labels, groups = (np.concatenate(column) for column in zip(*pieces, strict=True))
    return predictions, labels, groups
