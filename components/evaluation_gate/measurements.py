"""Reads TFMA's metrics of a model into plain rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from components.evaluation_gate.gate import Measured, SliceResult
from components.evaluation_gate.result import OVERALL
from components.evaluator.tfma_metrics import (
    CHANGE,
    COUNTS,
    ERROR,
    FREEDOM,
    GROUPS,
    NEGATIVES,
    POSITIVES,
    REFERENCES,
    ROWS,
    UNFIT,
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
    unfit = next((r.incomparable for r in results if r.slicing == OVERALL), "")
    if unfit:  # a slice cannot be compared where the whole cannot
        results = [replace(r, incomparable=unfit, baseline={}, change={}) for r in results]
    return sorted(results, key=lambda r: (r.slicing != OVERALL, r.slicing, -r.rows, r.name))


def _slice(record: Any) -> SliceResult:
    keys = record.slice_key.single_slice_keys
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for item in record.metric_keys_and_values:
        model = "baseline" if item.key.model_name == "baseline" else "candidate"
        kind = "change" if item.key.is_diff else model
        found.setdefault((kind, item.key.output_name), {})[item.key.name] = item
    candidate = found["candidate", ""]
    counts = {name: int(candidate[name].value.double_value.value) for name in COUNTS if name in candidate}
    return SliceResult(
        slicing=",".join(key.column for key in keys) or OVERALL,
        name=",".join(f"{key.column}={_value(key)}" for key in keys) or OVERALL,
        rows=counts.get(ROWS, 0),
        unlabelled=counts.get(UNLABELLED, 0),
        groups=counts.get(GROUPS, 0),
        positives=counts.get(POSITIVES),
        negatives=counts.get(NEGATIVES),
        incomparable=candidate.pop(UNFIT).value.bytes_value.decode() if UNFIT in candidate else "",
        candidate=_measured(candidate),
        baseline=_measured(found.get(("baseline", ""), {})),
        change=_measured(found.get(("change", ""), {}), CHANGE),
        references={
            name: _measured(found["candidate", name]) for name in REFERENCES if ("candidate", name) in found
        },
        gains={
            name: _measured(found["change", name], CHANGE) for name in REFERENCES if ("change", name) in found
        },
    )


def _value(key: Any) -> str:
    kind = key.WhichOneof("kind")
    value = getattr(key, kind)
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _measured(found: Mapping[str, Any], of: str = "") -> dict[str, Measured]:
    """Returns metric → value with its interval and error, from TFMA's values by name; ``of`` is ``CHANGE`` for differences."""
    return {
        name: Measured(
            item.value.double_value.value,
            *_ends(item),
            error=_number(found, name + of + ERROR, math.nan),
            freedom=int(_number(found, name + of + FREEDOM, 0)),
        )
        for name, item in found.items()
        if name not in COUNTS and not name.endswith((ERROR, FREEDOM))
    }


def _ends(item: Any) -> tuple[float, float]:
    if not item.HasField("confidence_interval"):
        return math.nan, math.nan
    interval = item.confidence_interval
    return interval.lower_bound.double_value.value, interval.upper_bound.double_value.value


def _number(found: Mapping[str, Any], name: str, missing: float) -> float:
    return found[name].value.double_value.value if name in found else missing
