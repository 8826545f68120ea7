"""The gates of a new document: what a model must reach, sized for the export."""

from __future__ import annotations

import math

from pipeline.project.labels import Label
from pipeline.project.profile import ExportProfile

_TEST_SHARE = 0.2
_USUAL_MIN_ROWS = 100
"""The default of ``min_rows``."""
_FEWEST_ROWS = 5
_USUAL_MIN_EVENTS = 20
"""The default of ``min_positives`` and ``min_negatives``."""
_FEWEST_EVENTS = 3
_LEAST = {"binary": 0.01, "multiclass": 0.01, "regression": 0.03}
"""Loss that is allowed on many rows."""
_BY_CHANCE = {"binary": 0.5, "multiclass": 0.7, "regression": 0.75}
"""What chance makes of equal models on one row; divided by the root of the number of rows."""
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

    It demands to be better than always giving one answer, and not worse than a linear model or the last blessed one by more
    than a difference that the test split can tell from chance.

    Args:
        profile: The export.
        label: The label.
        by_key: Whether documents are split by a key that several of them have: splits then differ more in size.
    """
    metric = {"binary": "auc", "multiclass": "accuracy", "regression": "rmse"}[label.task]
    share = allowed_loss(expected_in_test(profile, label), label.task)
    loss = f"{100 * share:.0f}%" if label.task == "regression" else f"{share:.2f}"
    parts = [
        "better_than_constant: true",
        f"not_worse_than_linear_by: {loss}",
        f"not_worse_than_blessed_by: {loss}",
    ]
    few = min_rows(profile, label, by_key)
    parts += [f"min_rows: {few}"] if few else []
    if label.task == "binary":
        parts += _min_events(profile, label)
    return f"{metric}: {{{', '.join(parts)}}}"


def allowed_loss(rows: float, task: str) -> float:
    """Returns how much worse a model may be, in whole hundredths: AUC, accuracy, or a share of the error.

    A model that is as good as the one it is compared with, and agrees with it as such models do, is measured to be worse by
    more in at most about 5% of cases (``benchmarks/statistics/first_gates.py``).
    """
    by_chance = _BY_CHANCE[task] / math.sqrt(max(1.0, rows))
    return max(_LEAST[task], math.ceil(100 * by_chance) / 100)


def _min_events(profile: ExportProfile, label: Label) -> list[str]:
    """Returns how many positive and negative rows decide, where the default is more than the test split will have."""
    share = label.positive_share
    expected = expected_in_test(profile, label)
    found = []
    for name, events in (("min_positives", expected * share), ("min_negatives", expected * (1 - share))):
        surely = events if is_stratified(profile, label) else events - _SPREAD * math.sqrt(events)
        if surely < _USUAL_MIN_EVENTS:
            found.append(f"{name}: {max(_FEWEST_EVENTS, math.floor(surely * 0.8))}")
    return found


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
