"""The metrics of one model on one slice, with intervals, and their differences to another model's. NumPy only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from components.evaluator import intervals, scores
from components.evaluator.intervals import Evidence
from components.evaluator.metrics import Metric, metric_named, of_class
from components.evaluator.metrics.base import Array, Kind


@dataclass(frozen=True)
class Value:
    """A metric with its 95% interval, and its standard error with that one's degrees of freedom; NaN if undefined."""

    value: float
    low: float
    high: float
    error: float
    freedom: int


@dataclass(frozen=True)
class SliceValues:
    """What one model's rows of a slice give.

    Attributes:
        task: binary, multiclass or regression.
        metrics: Names to compute.
        sums: Sums by group.
        ranked: Predictions, labels and groups, each [n]; only ranking metrics need it.
        independent: Whether no row belongs to another.
        classes: Label of each class of a multi-class task.
    """

    task: str
    metrics: Sequence[str]
    sums: scores.GroupSums
    ranked: tuple[Array, Array, Array] | None
    independent: bool
    classes: Sequence[str] = ()

    @cached_property
    def total(self) -> dict[str, float]:
        """Name → sum over all rows."""
        names = scores.sum_names(self.task, self.metrics)
        return dict(zip(names, self.sums.sums.sum(axis=0)[: len(names)].tolist(), strict=True))

    @cached_property
    def _by_class(self) -> dict[str, dict[str, Array]]:
        """Metric of one class → the sums it is made of."""
        wanted = [name for name in self.metrics if scores.is_by_class(self.task, [name])]
        columns = self.sums.sums.sum(axis=0)[len(scores.sum_names(self.task, self.metrics)) :]
        sums = scores.class_sums(columns, self.classes) if wanted else {}
        return {of_class(name, label): own for name in wanted for label, own in sums.items()}

    @cached_property
    def samples(self) -> dict[str, Array]:
        """Metric → [1 + parts] values: over all rows, then with each part left out."""
        return scores.metric_samples(self.task, self.metrics, self.sums, self.ranked, self.classes)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.total["rows"])

    @property
    def groups(self) -> int:
        """About how many groups of rows that belong together there are."""
        return self.rows if self.independent else scores.distinct(len(self.sums.groups), self.rows)

    @property
    def positives(self) -> int | None:
        """Rows with a positive label; None unless the task is binary."""
        return int(self.total["label"]) if self.task == "binary" else None

    @property
    def negatives(self) -> int | None:
        """Rows with a negative label; None unless the task is binary."""
        return None if self.positives is None else self.rows - self.positives

    def values(self) -> dict[str, Value]:
        """Returns metric → value with its interval."""
        return {
            name: Value(
                float(sample[0]),
                *intervals.interval(self._kind(name), sample, self._evidence(name)),
                *scores.standard_error(sample),
            )
            for name, sample in self.samples.items()
        }

    def changes_from(self, other: SliceValues, same: bool) -> dict[str, Value]:
        """Returns metric → its difference to another model's on the same rows.

        Args:
            other: The other model on the same rows.
            same: Whether both predict every row alike, so that there is no difference to be unsure of.
        """
        shared = [name for name in self.samples if name in other.samples]
        return {name: self._change(name, other.samples[name], same) for name in shared}

    def _change(self, name: str, others: Array, same: bool) -> Value:
        sample, evidence = self.samples[name] - others, self._evidence(name)
        if same:
            error, freedom = scores.standard_error(sample)
        else:
            error, freedom = intervals.change_error(self._kind(name), sample, evidence)
        value = float(sample[0])
        low, high = intervals.change_interval(value, error, freedom, evidence)
        if _metric(name).is_share:
            low, high = max(low, -1.0), min(high, 1.0)
        return Value(value, low, high, error, freedom)

    def _kind(self, name: str) -> Kind:
        # The mean over classes is a share of nothing.
        return "bounded" if scores.is_by_class(self.task, [name]) else _metric(name).kind_in(self.task)

    def _evidence(self, name: str) -> Evidence:
        trials = _metric(name).trials
        counted = trials is not None and not scores.is_by_class(self.task, [name])
        return Evidence(
            rows=self.rows,
            groups=self.groups,
            positives=self.positives,
            negatives=self.negatives,
            trials=float(trials(self._by_class.get(name, self.total))) if counted and trials else math.nan,
        )


def _metric(name: str) -> Metric:
    found = metric_named(name)
    assert found is not None, name
    return found
