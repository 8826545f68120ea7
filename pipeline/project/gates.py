"""The gates of a new document: what a model must reach, sized for the export."""

from __future__ import annotations

import math

from pipeline.project.labels import Label
from pipeline.project.profile import ExportProfile
from pipeline.project.uses import plain_decimal

_TEST_SHARE = 0.2
_USUAL_MIN_ROWS = 100
"""The default of ``min_rows``."""
_FEWEST_ROWS = 5
_SPREAD = 3
"""Standard deviations by which the test split may be smaller than expected."""
_FEW_OF_A_CLASS = 30
"""Documents of the rarest class expected in the test split below which the split is stratified."""
_MOST_STRATIFIED = 200_000
"""Stratifying reads keys twice: not for larger exports."""

METRICS = {
    "binary": "[auc, accuracy, calibration]",
    "multiclass": "[accuracy, log_loss]",
    "regression": "[rmse, mae, calibration]",
}


def gate(profile: ExportProfile, label: Label, by_key: bool) -> str:
    """Returns the gate of the task's first metric, as a line of YAML.

    Args:
        profile: The export.
        label: The label.
        by_key: Whether documents are split by a key that several of them have: splits then differ more in size.
    """
    if label.task == "regression":
        spread = float(label.field.known.std()) if len(label.field.known) else 1.0
        metric, bound = "rmse", f"at_most: {plain_decimal(spread)}"
        note = "   # what always guessing the mean achieves"
    elif label.task == "multiclass":
        metric, bound = "accuracy", f"at_least: {plain_decimal(label.shares[0])}"
        note = "   # what always guessing the commonest class achieves"
    else:
        metric, bound, note = "auc", "at_least: 0.55, not_worse_than_blessed_by: 0.01", ""
    few = min_rows(profile, label, by_key)
    return f"{metric}: {{{bound}{f', min_rows: {few}' if few else ''}}}{note}"


def min_rows(profile: ExportProfile, label: Label, by_key: bool) -> int | None:
    """Returns how many rows a test split has to have to decide, None where the default suits the export."""
    expected = expected_in_test(profile, label)
    surely = expected - _SPREAD * math.sqrt(expected)
    surely = surely / 2 if by_key else surely
    return None if surely >= _USUAL_MIN_ROWS else max(_FEWEST_ROWS, math.floor(surely))


def expected_in_test(profile: ExportProfile, label: Label) -> float:
    """Returns how many labelled documents the test split is expected to have."""
    total = profile.total if profile.total is not None else profile.documents
    return _TEST_SHARE * total * label.field.present


def is_stratified(profile: ExportProfile, label: Label) -> bool:
    """Returns whether the split has to be stratified by the label, lest a split lacks a rare class."""
    if label.task == "regression" or (profile.total or profile.documents) > _MOST_STRATIFIED:
        return False
    return expected_in_test(profile, label) * label.shares[-1] < _FEW_OF_A_CLASS
