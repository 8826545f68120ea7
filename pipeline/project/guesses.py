"""Guesses the label, the split key, transformations and slices from names, types and counts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from foundation.errors import DataError, near_miss
from foundation.personal import PERSONAL_NAME
from pipeline.project.profile import MANY, ExportProfile, FieldProfile

Task = Literal["binary", "multiclass", "regression"]

_OUTCOME = re.compile(
    r"label|target|outcome|churn|retain|convert|click|fraud|default|cancel|return|purchas|bought|paid|won|subscri|"
    r"surviv|renew|success|approved|result|class$|^y$",
    re.IGNORECASE,
)
_KEY = re.compile(
    r"^(user|learner|student|customer|client|member|account|person|patient|player|visitor|household|company|device|session)"
    r"_?(id|key|no|number|uuid|guid)?$",
    re.IGNORECASE,
)
MOST_CLASSES = 50


@dataclass(frozen=True)
class Label:
    """The field to predict, its task, and why."""

    field: FieldProfile
    task: Task
    reason: str
    others: tuple[str, ...] = ()
    """Other candidates."""


@dataclass(frozen=True)
class Use:
    """How the document uses one field."""

    field: FieldProfile
    transformations: tuple[str, ...]
    """In YAML; empty if the field is not used."""
    reason: str
    """Why it is used this way, or why it is left out."""


def given_label(profile: ExportProfile, path: str) -> Label:
    """Returns the label that the user named.

    Raises:
        DataError: No document has it, or it cannot be learnt.
    """
    field = profile.field(path)
    if field is None or field.type is None:
        known = [known.path for known in profile.fields]
        remedy = near_miss(path, known) or "give the dotted path of a field, as in the documents"
        raise DataError(
            f"label {path!r}", expected="a field of the documents", seen="no document has it", remedy=remedy
        )
    task = _task(field)
    if task is None:
        remedy = "name another field with --label"
        raise DataError(
            f"label {path!r}", expected="two or more classes, or a number", seen=_unfit(field), remedy=remedy
        )
    return Label(field, task, "you named it")


def guess_label(profile: ExportProfile) -> Label:
    """Returns the field that most resembles a label.

    Raises:
        DataError: No field resembles one.
    """
    scored = [(_score(field), field) for field in profile.fields]
    likely = sorted((pair for pair in scored if pair[0] >= 2), key=lambda pair: -pair[0])
    if not likely:
        raise DataError(
            f"export {profile.export}",
            expected="a field that looks like a label: true or false, 0 or 1, two values, or a name such as outcome",
            seen=f"none among {', '.join(field.path for field in profile.fields[:12])}",
            remedy="name it: --label PATH (dotted, as in the documents)",
        )
    best = likely[0][1]
    reasons = ["true or false" if best.kinds == {"bool"} else "0 or 1" if best.zero_or_one else "few classes"]
    reasons += ["named like an outcome"] if _OUTCOME.search(best.name) else []
    task = _task(best)
    assert task is not None, "a field without a task has no score"
    return Label(best, task, ", ".join(reasons), tuple(field.path for _, field in likely[1:6]))


def _score(field: FieldProfile) -> float:
    task = _task(field)
    if task is None or field.present < 0.5 or field.personal or PERSONAL_NAME.search(field.name):
        return 0
    sounds = 2.0 if _OUTCOME.search(field.name) else 0.0
    if task == "regression":
        return 0
    if task == "binary":
        return sounds + (2.0 if field.kinds == {"bool"} else 2.5)
    return sounds + (1.0 if field.distinct == 2 else 0.0)


def _task(field: FieldProfile) -> Task | None:
    """Returns the task for predicting a field, or None."""
    if (
        field.is_array
        or field.distinct < 2
        or field.type in (None, "date", "bytes")
        or "objectid" in field.kinds
    ):
        return None
    if field.zero_or_one and field.type in ("bool", "int"):
        return "binary"
    if field.type == "string":
        fits = field.distinct <= MOST_CLASSES and field.values >= 2 * field.distinct
        return "multiclass" if fits else None
    if field.type == "int" and field.distinct <= 10 and field.values >= 5 * field.distinct:
        return "multiclass"
    return "regression"


def _unfit(field: FieldProfile) -> str:
    if field.is_array:
        return "an array"
    if field.distinct < 2:
        return "the same value in all documents"
    if field.type == "string":
        return f"text with {field.distinct} distinct values in {field.values} documents"
    return f"values of type {field.type}"


def split_key(profile: ExportProfile) -> FieldProfile | None:
    """Returns the field that identifies whose documents these are, or None: then documents are independent."""
    keys = [
        field
        for field in profile.fields
        if _KEY.search(field.name) and not field.is_array and field.present > 0.9
    ]
    keys = [field for field in keys if field.distinct > 10 or field.distinct * 2 > field.values]
    return min(keys, key=lambda field: field.path.count("."), default=None)


def use_of(field: FieldProfile) -> Use:
    """Returns the transformations that suit a field's type and number of distinct values."""
    if field.type is None:
        return Use(field, (), "no value in the sample")
    if field.path == "_id" or PERSONAL_NAME.search(field.name):
        return Use(field, (), "the document's id" if field.path == "_id" else "looks personal")
    if field.personal:
        return Use(field, (), f"looks personal: its texts seem to contain {field.personal[0]}")
    if field.kinds & {"objectid", "uuid"} and field.values < 5 * field.distinct:
        return Use(field, (), "an id")
    if field.type == "bytes":
        return Use(field, (), "binary")
    if field.distinct < 2 and not field.is_array:
        return Use(field, (), "the same in all documents")
    chosen, reason = _array(field) if field.is_array else _scalar(field)
    if chosen and field.present < 0.99:
        chosen, reason = (*chosen, "missing"), f"{reason}; not in every document"
    return Use(field, chosen, reason)


def _array(field: FieldProfile) -> tuple[tuple[str, ...], str]:
    if (
        field.type in ("string", "int", "bool")
        and field.distinct < MANY
        and field.values >= 2 * field.distinct
    ):
        return (f"{{bag: {_room(field.distinct)}}}", "count"), "array of repeated values"
    return ("count",), "array"


def _scalar(field: FieldProfile) -> tuple[tuple[str, ...], str]:
    if field.type == "date":
        return ("{date_parts: [month, day_of_week, hour]}",), "date"
    if field.type == "bool":
        return ("identity",), "true or false"
    if field.type in ("int", "float"):
        if field.zero_or_one:
            return ("identity",), "0 or 1"
        return (("log_zscore",), "number with a long tail") if field.long_tail else (("zscore",), "number")
    if field.words >= 3 and field.distinct * 4 > field.values:
        return ("{text: 500}",), "free text"
    if field.values >= 2 * field.distinct and field.distinct < MANY:
        return (f"{{vocabulary: {_room(field.distinct)}}}",), "repeated values"
    if field.distinct * 10 > field.values * 9:
        return (), "an id: nearly every document has a different value"
    return ("{hash: 1000}",), "many distinct values"


def _room(distinct: int) -> int:
    """Returns a round number above the number of values, to leave room for new ones."""
    return next(size for size in (10, 20, 50, 100, 200, 500, 1000, 5000) if size >= 1.2 * distinct)


def slices(uses: list[Use]) -> list[FieldProfile]:
    """Returns up to three features with few values, as slices for evaluation."""
    few = [
        use.field
        for use in uses
        if use.transformations and not use.field.is_array and use.field.type in ("string", "bool")
    ]
    few = [field for field in few if 2 <= field.distinct <= 20 and field.values >= 10 * field.distinct]
    return sorted(few, key=lambda field: (field.type == "bool", field.distinct))[:3]
