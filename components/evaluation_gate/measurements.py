"""Reads TFMA's metrics of a model into plain rows."""

from __future__ import annotations

import math
from typing import Any

from components.evaluation_gate.gate import Measured, SliceResult
from components.evaluation_gate.result import OVERALL
from components.evaluator.tfma_metrics import (
    COUNTS,
    GROUPS,
    NEGATIVES,
    POSITIVES,
    REFERENCES,
    ROWS,
    UNLABELLED,
)
from foundation.errors import DataError


def read_evaluation(uri: str) -> list[SliceResult]:
    """Returns one result per slice, overall first, then by number of rows.

    Args:
        uri: Folder of the ``ModelEvaluation`` artifact.

    Raises:
        DataError: The folder has no TFMA metrics.
    """
    import tensorflow_model_analysis as tfma

    try:
        records = list(tfma.load_metrics(uri))
    except (OSError, ValueError) as error:
        raise DataError(
            f"evaluation {uri}", expected="the metrics written by Evaluator", seen=str(error)
        ) from error
    if not records:
        raise DataError(f"evaluation {uri}", expected="metrics of at least one slice", seen="none")
    results = [_slice(record) for record in records]
    return sorted(results, key=lambda r: (r.slicing != OVERALL, r.slicing, -r.rows, r.name))


def _slice(record: Any) -> SliceResult:
    keys = record.slice_key.single_slice_keys
    groups: dict[str, dict[str, Measured]] = {"candidate": {}, "baseline": {}, "change": {}}
    references: dict[str, dict[str, Measured]] = {}
    gains: dict[str, dict[str, Measured]] = {}
    for item in record.metric_keys_and_values:
        model = "baseline" if item.key.model_name == "baseline" else "candidate"
        if item.key.output_name in REFERENCES:
            found = gains if item.key.is_diff else references
            found.setdefault(item.key.output_name, {})[item.key.name] = _measured(item)
        else:
            groups["change" if item.key.is_diff else model][item.key.name] = _measured(item)
    counts = {name: int(groups["candidate"][name].value) for name in COUNTS if name in groups["candidate"]}
    return SliceResult(
        slicing=",".join(key.column for key in keys) or OVERALL,
        name=",".join(f"{key.column}={_value(key)}" for key in keys) or OVERALL,
        rows=counts.get(ROWS, 0),
        unlabelled=counts.get(UNLABELLED, 0),
        groups=counts.get(GROUPS, 0),
        positives=counts.get(POSITIVES),
        negatives=counts.get(NEGATIVES),
        candidate=_without_counts(groups["candidate"]),
        baseline=_without_counts(groups["baseline"]),
        change=groups["change"],
        references=references,
        gains=gains,
    )


def _without_counts(found: dict[str, Measured]) -> dict[str, Measured]:
    return {name: measured for name, measured in found.items() if name not in COUNTS}


def _value(key: Any) -> str:
    kind = key.WhichOneof("kind")
    value = getattr(key, kind)
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _measured(item: Any) -> Measured:
    value = item.value.double_value.value
    if not item.HasField("confidence_interval"):
        return Measured(value)
    interval = item.confidence_interval
    error, freedom = interval.standard_error.double_value.value, interval.degrees_of_freedom.value
    if math.isnan(value) or math.isnan(error):
        return Measured(value)
    low, high = interval.lower_bound.double_value.value, interval.upper_bound.double_value.value
    return Measured(value, low, high, error, freedom)
