"""Reads TFMA's metrics of a model into plain rows."""

from __future__ import annotations

import math
from typing import Any

from components.evaluation_gate.gate import Measured, SliceResult
from components.evaluation_gate.result import OVERALL
from components.evaluator.tfma_metrics import ROWS, UNLABELLED
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
    for item in record.metric_keys_and_values:
        model = "baseline" if item.key.model_name == "baseline" else "candidate"
        groups["change" if item.key.is_diff else model][item.key.name] = _measured(item)
    candidate = groups["candidate"]
    return SliceResult(
        slicing=",".join(key.column for key in keys) or OVERALL,
        name=",".join(f"{key.column}={_value(key)}" for key in keys) or OVERALL,
        rows=int(candidate.pop(ROWS, Measured(0.0)).value),
        unlabelled=int(candidate.pop(UNLABELLED, Measured(0.0)).value),
        candidate=candidate,
        baseline={k: v for k, v in groups["baseline"].items() if k not in (ROWS, UNLABELLED)},
        change=groups["change"],
    )


def _value(key: Any) -> str:
    kind = key.WhichOneof("kind")
    value = getattr(key, kind)
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _measured(item: Any) -> Measured:
    value = item.value.double_value.value
    if not item.HasField("confidence_interval"):
        return Measured(value)
    interval = item.confidence_interval
    low, high = interval.lower_bound.double_value.value, interval.upper_bound.double_value.value
    return Measured(value, low, high) if not math.isnan(value) else Measured(value)
