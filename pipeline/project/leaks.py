"""Finds fields that leak the label: they are present for one class and absent for the others."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from components.exports.documents import MISSING, value_at
from components.exports.readers import sample_documents
from pipeline.project.guesses import Label
from pipeline.project.profile import ExportProfile

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
    partial = [
        field.path for field in profile.fields if field.present < 0.98 and field.path != label.field.path
    ]
    if label.task == "regression" or not partial:
        return {}
    counts = _count(profile, label.field.path, partial)
    reason = "only present for one outcome: it leaks the label"
    return {path: reason for path in partial if _tells(counts[path])}


def _count(profile: ExportProfile, label: str, paths: list[str]) -> dict[str, Counter[tuple[bool, int]]]:
    """Counts (field present, hash of the label) per path."""
    counts: dict[str, Counter[tuple[bool, int]]] = defaultdict(Counter)
    for document in sample_documents(profile.pattern, profile.export.parent, profile.sample):
        outcome = value_at(document, tuple(label.split(".")), False)
        if outcome is None or outcome is MISSING:
            continue
        for path in paths:
            is_there = _is_value(value_at(document, tuple(path.split(".")), False))
            counts[path][is_there, hash(str(outcome))] += 1
    return counts


def _is_value(value: Any) -> bool:
    return value is not None and value is not MISSING and value != []


def _tells(counts: Counter[tuple[bool, int]]) -> bool:
    """Returns whether guessing the majority class with and without the field is nearly always right."""
    total = sum(counts.values())
    right = sum(
        max((n for (there, _), n in counts.items() if there is side), default=0) for side in (True, False)
    )
    classes: Counter[int] = Counter()
    for (_, outcome), n in counts.items():
        classes[outcome] += n
    commonest = max(classes.values(), default=0)
    return total >= _FEWEST and right >= _AGREES * total and right - commonest >= 0.02 * total
