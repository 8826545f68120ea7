"""All metrics of a task as one TFMA metric with a batch-wise combiner.

TFMA's own metrics cost about half a millisecond of Python per row, and its jackknife a Beam graph of twenty combiners.
Here the extractor emits one element per batch and slice, and the combiner keeps sums per group of rows. Values and
errors still go through TFMA's evaluator and writers, so TFMA's readers and notebooks work as usual.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.proto.metrics_for_slice_pb2 import BoundedValue

from components.evaluator import comparable, scores
from components.evaluator.rows import ID
from components.evaluator.values import SliceValues, Value
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
ERROR, FREEDOM = "/error", "/freedom"
"""What follows a metric's name in those of its standard error and the degrees of freedom of that."""
CHANGE = "/change"
"""What comes before these for a difference: TFMA overwrites the difference of any two numbers of one name with its own."""
COUNTS = (ROWS, UNLABELLED, GROUPS, POSITIVES, NEGATIVES)
"""Metrics that say what the others are measured on."""


UNFIT = "blessed_model_unfit"
"""Metric that says why the last blessed model cannot be judged on these rows, as text."""


@dataclass(frozen=True)
class Seen:
    """What was seen of the features that the last blessed model reads, and which of them the new one reads alike."""

    sight: comparable.Sight
    needs: Mapping[str, comparable.Need]
    shared: frozenset[str]


@dataclass
class Batch:
    """Rows of one slice of one batch: per model [n] predictions (or [n, classes]) and labels; [n] groups."""

    labels: dict[str, Any]
    predictions: dict[str, Any]
    groups: Any
    unlabelled: int
    seen: Seen
    classes: dict[str, list[str]] = field(default_factory=dict)
    """Model → label of each class of a multi-class task."""


@dataclass
class Tally:
    """Running totals of a slice: per model the sums by group, and the ranked columns in pieces."""

    sums: dict[str, scores.GroupSums] = field(default_factory=dict)
    ranked: dict[str, list[tuple[Any, Any, Any]]] = field(default_factory=dict)
    unlabelled: int = 0
    differing: set[str] = field(default_factory=set)
    """Models that predict some row otherwise than the candidate."""
    seen: Seen | None = None
    classes: dict[str, list[str]] = field(default_factory=dict)

    def see(self, seen: Seen | None) -> None:
        """Adds what was seen of the features that the last blessed model reads."""
        if self.seen and seen:
            seen = replace(seen, sight=self.seen.sight + seen.sight)
        self.seen = seen or self.seen

    def unfit(self, rows: int) -> str:
        """Returns why the last blessed model cannot be judged on these rows; empty if it can."""
        if self.seen is None:
            return ""
        return comparable.why_not(self.seen.sight, self.seen.needs, self.seen.shared, rows)

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
        self._candidate = next(model for model in models if model != baseline)
        self._ranks = scores.needs_order(metrics)

    def create_accumulator(self) -> Tally:
        """Returns an empty tally."""
        return Tally()

    def add_input(self, tally: Tally, batch: Batch) -> Tally:
        """Adds one batch."""
        tally.unlabelled += batch.unlabelled
        tally.see(batch.seen)
        tally.classes |= batch.classes
        for model, predictions in batch.predictions.items():
            labels = batch.labels[model]
            rows = scores.row_columns(self._task, labels, predictions, self._metrics)
            tally.add(model, scores.GroupSums.of(rows, batch.groups))
            if not np.array_equal(predictions, batch.predictions[self._candidate]):
                tally.differing.add(model)
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
            result.differing |= tally.differing
            result.see(tally.seen)
            result.classes |= tally.classes
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
        slices = {model: self._slice(tally, model) for model in tally.sums}
        result: dict[metric_types.MetricKey, Any] = {}
        if unfit := tally.unfit(slices[self._candidate].rows + tally.unlabelled):
            slices.pop(str(self._baseline), None)
            result[self._key(UNFIT, self._candidate)] = unfit
        for model, found in slices.items():
            for name, value in self._named(found.values()).items():
                result[self._key(name, model)] = value
            if model in self._models:
                for name, count in {**_counts(found), UNLABELLED: float(tally.unlabelled)}.items():
                    result[self._key(name, model)] = count
            if model != self._candidate:
                changes = slices[self._candidate].changes_from(found, same=model not in tally.differing)
                for name, value in self._named(changes, CHANGE).items():
                    result[self._key(name, model, compared=True)] = value
        return self._alike(result)

    def _alike(self, found: dict[metric_types.MetricKey, Any]) -> dict[metric_types.MetricKey, Any]:
        """Leaves out the blessed model's interval where the candidate has none: TFMA takes the one from the other as they are."""
        if not self._baseline:
            return found
        bounded = {
            key.make_baseline_key(self._baseline): value
            for key, value in found.items()
            if key.model_name == self._candidate and not key.is_diff
        }
        return {
            key: value.value.value
            if isinstance(value, BoundedValue) and not isinstance(bounded.get(key, value), BoundedValue)
            else value
            for key, value in found.items()
        }

    def _key(self, name: str, model: str, compared: bool = False) -> metric_types.MetricKey:
        """Returns TFMA's key of a model's metric, or of the candidate's difference to it; references are its outputs."""
        beside = model if model in REFERENCES else ""
        owner = self._candidate if beside or compared else model
        return metric_types.MetricKey(name, model_name=owner, output_name=beside, is_diff=compared)

    def _slice(self, tally: Tally, model: str) -> SliceValues:
        pieces = tally.ranked.get(model)
        ranked = _join(pieces) if pieces else None
        classes = tally.classes.get(model, tally.classes.get(self._candidate, []))
        return SliceValues(self._task, self._metrics, tally.sums[model], ranked, self._independent, classes)

    def _named(self, values: Mapping[str, Value], of: str = "") -> dict[str, Any]:
        """Returns name → what TFMA writes: each metric with its interval, its error and the error's degrees of freedom."""
        if not self._intervals:
            return {name: found.value for name, found in values.items()}
        named: dict[str, Any] = {}
        for name, found in values.items():
            named[name] = _shown(found)
            named |= {name + of + ERROR: found.error, name + of + FREEDOM: float(found.freedom)}
        return named


def _counts(found: SliceValues) -> dict[str, float]:
    """Returns what a slice's metrics are measured on."""
    counts = {ROWS: float(found.rows), GROUPS: float(found.groups)}
    if found.positives is not None and found.negatives is not None:
        counts |= {POSITIVES: float(found.positives), NEGATIVES: float(found.negatives)}
    return counts


def _shown(found: Value) -> Any:
    if not (math.isfinite(found.low) and math.isfinite(found.high)):
        return found.value
    bounded = BoundedValue()
    bounded.value.value, bounded.lower_bound.value, bounded.upper_bound.value = (
        found.value,
        found.low,
        found.high,
    )
    return bounded


def _join(pieces: list[tuple[Any, Any, Any]]) -> tuple[Any, Any, Any]:
    predictions, labels, groups = (np.concatenate(column) for column in zip(*pieces, strict=True))
    return predictions, labels, groups
