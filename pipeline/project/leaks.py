"""Finds fields that leak the label: they are present for one class and absent for the others."""

from __future__ import annotations

from collections import Counter

from pipeline.project.labels import Label
from pipeline.project.profile import ExportProfile, FieldProfile
from pipeline.project.values import classes_of

_AGREES = 0.98
"""A field leaks the label if its presence predicts the class of this share of documents."""
_FEWEST = 20


def fields_that_tell(profile: ExportProfile, label: Label) -> dict[str, str]:
    """Finds fields whose mere presence reveals the label.

    Args:
        profile: The export's profile.
        label: The label; a numeric one has no such fields.

    Returns:
        Dotted path → why it is left out.
    """
    partial = [f for f in profile.fields if f.present < 0.98 and f.path != label.field.path]
    if label.task == "regression" or not partial:
        return {}
    outcomes = classes_of(label.field.sample)
    reason = "only present for one outcome: it leaks the label"
    return {field.path: reason for field in partial if _tells(_count(field, outcomes))}


def _count(field: FieldProfile, outcomes: list[str | None]) -> Counter[tuple[bool, str]]:
    """Counts (field present, outcome)."""
    pairs = zip(field.sample, outcomes, strict=True)
    return Counter((value is not None, outcome) for value, outcome in pairs if outcome is not None)


def _tells(counts: Counter[tuple[bool, str]]) -> bool:
    """Returns whether guessing the majority class with and without the field is nearly always right."""
    total = sum(counts.values())
    right = sum(
        max((n for (there, _), n in counts.items() if there is side), default=0) for side in (True, False)
    )
    classes: Counter[str] = Counter()
    for (_, outcome), n in counts.items():
        classes[outcome] += n
    commonest = max(classes.values(), default=0)
    return total >= _FEWEST and right >= _AGREES * total and right - commonest >= 0.02 * total
