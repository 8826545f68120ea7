"""Fields that give the answer away: they are there for one class of the label and not for the others."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from components.exports.documents import MISSING, value_at
from components.exports.readers import sample_documents
from pipeline.project.guesses import Label
from pipeline.project.profile import ExportProfile

_AGREES = 0.98
"""A field whose presence says the class of this share of documents knows the answer."""
_FEWEST = 20


def fields_that_tell(profile: ExportProfile, label: Label) -> dict[str, str]:
    """Looks for fields whose mere presence tells the label.

    Args:
        profile: What a first look at the export showed.
        label: The label; one that is a number has no such fields.

    Returns:
        Dotted path → why it is left out.
    """
    partial = [
        field.path for field in profile.fields if field.present < 0.98 and field.path != label.field.path
    ]
    if label.task == "regression" or not partial:
        return {}
    counts = _count(profile, label.field.path, partial)
    reason = "it is there for one outcome only: it knows the answer"
    return {path: reason for path in partial if _tells(counts[path])}


def _count(profile: ExportProfile, label: str, paths: list[str]) -> dict[str, Counter[tuple[bool, int]]]:
    """Counts (is the field there, hash of the label) per path."""
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
    """Whether guessing the most frequent class, once with and once without the field, is nearly always right."""
    total = sum(counts.values())
    right = sum(
        max((n for (there, _), n in counts.items() if there is side), default=0) for side in (True, False)
    )
    classes: Counter[int] = Counter()
    for (_, outcome), n in counts.items():
        classes[outcome] += n
    commonest = max(classes.values(), default=0)
    return total >= _FEWEST and right >= _AGREES * total and right - commonest >= 0.02 * total
