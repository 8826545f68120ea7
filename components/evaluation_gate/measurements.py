"""Reads what an Evaluator measured into plain rows; without TensorFlow, unless the evaluation is of version 0.5.0 or older."""

from __future__ import annotations

from collections.abc import Mapping

from components.evaluation_gate.measured import Measured, SliceResult
from components.evaluator.result import EvaluatedSlice, Evaluation, Measurement, loaded
from foundation.errors import DataError


def read_evaluation(uri: str) -> list[SliceResult]:
    """Returns one result per slice, overall first, then by number of rows.

    Args:
        uri: Folder of the ``ModelEvaluation`` artifact.

    Raises:
        DataError: The folder has no evaluation, or a damaged one.
    """
    found = Evaluation.find(uri)
    if found is None:
        from components.evaluator import records

        found = records.read(uri)
    if not found.slices:
        raise DataError(f"evaluation {uri}", expected="metrics of at least one slice", seen="none")
    return [_result(one) for one in found.slices]


def _result(one: EvaluatedSlice) -> SliceResult:
    return SliceResult(
        slicing=one.slicing,
        name=one.name,
        rows=one.rows,
        unlabelled=one.unlabelled,
        groups=one.groups,
        positives=one.positives,
        negatives=one.negatives,
        incomparable=one.incomparable,
        candidate=_measured(one.candidate),
        baseline=_measured(one.baseline),
        change=_measured(one.change),
        references={name: _measured(found) for name, found in one.references.items()},
        gains={name: _measured(found) for name, found in one.gains.items()},
    )


def _measured(found: Mapping[str, Measurement]) -> dict[str, Measured]:
    return {
        name: Measured(loaded(one.value), loaded(one.low), loaded(one.high), loaded(one.error), one.freedom)
        for name, one in found.items()
    }
