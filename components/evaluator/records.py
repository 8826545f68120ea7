"""TFMA's records of an evaluation, one for each slice, as the result file holds them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from components.evaluator.result import OVERALL, EvaluatedSlice, Evaluation, Measurement, Way, stored
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


def read(uri: str) -> Evaluation:
    """Reads TFMA's metrics in a folder, which Beam's workers wrote or a version before ``evaluation.json``.

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
    return evaluation(records)


def evaluation(records: Iterable[Any], way: Way = "Beam", kept: Iterable[str] = ()) -> Evaluation:
    """Returns what TFMA's records say.

    Args:
        records: TFMA's ``MetricsForSlice`` of every slice.
        way: How it was computed.
        kept: Models whose predictions were not asked for again.
    """
    found = [_slice(record) for record in records]
    unfit = next((one.incomparable for one in found if one.slicing == OVERALL), "")
    if unfit:  # a slice cannot be compared where the whole cannot
        found = [replace(one, incomparable=unfit, baseline={}, change={}) for one in found]
    ordered = sorted(found, key=lambda one: (one.slicing != OVERALL, one.slicing, -one.rows, one.name))
    return Evaluation(tuple(ordered), way, tuple(kept))


def _slice(record: Any) -> EvaluatedSlice:
    keys = record.slice_key.single_slice_keys
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for item in record.metric_keys_and_values:
        model = "baseline" if item.key.model_name == "baseline" else "candidate"
        kind = "change" if item.key.is_diff else model
        found.setdefault((kind, item.key.output_name), {})[item.key.name] = item
    candidate = found["candidate", ""]
    counts = {name: int(candidate[name].value.double_value.value) for name in COUNTS if name in candidate}
    return EvaluatedSlice(
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


def _measured(found: Mapping[str, Any], of: str = "") -> dict[str, Measurement]:
    """Returns metric → value with its interval and error, from TFMA's values by name; ``of`` is ``CHANGE`` for differences."""
    measured = {}
    for name, item in found.items():
        if name in COUNTS or name.endswith((ERROR, FREEDOM)):
            continue
        low, high = _ends(item)
        error = _number(found, name + of + ERROR, math.nan)
        freedom = int(_number(found, name + of + FREEDOM, 0))
        value = item.value.double_value.value
        measured[name] = Measurement(stored(value), stored(low), stored(high), stored(error), freedom)
    return measured


def _ends(item: Any) -> tuple[float, float]:
    if not item.HasField("confidence_interval"):
        return math.nan, math.nan
    interval = item.confidence_interval
    return interval.lower_bound.double_value.value, interval.upper_bound.double_value.value


def _number(found: Mapping[str, Any], name: str, missing: float) -> float:
    return found[name].value.double_value.value if name in found else missing
