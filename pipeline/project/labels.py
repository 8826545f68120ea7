"""Guesses the label, its task and the class that counts as positive, from names, types and values."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from foundation.coarse import FEWEST
from foundation.errors import DataError, near_miss
from foundation.personal.looks import look_of
from foundation.personal.names import named
from pipeline.project.profile import ExportProfile, FieldProfile
from pipeline.project.values import classes_of

Task = Literal["binary", "multiclass", "regression"]

_OUTCOME = re.compile(
    r"label|target|outcome|churn|retain|convert|click|fraud|default|cancel|return|purchas|bought|paid|won|subscri|"
    r"surviv|renew|success|approved|result|diagnos|class$|^y$",
    re.IGNORECASE,
)
MOST_CLASSES = 50
_MOST_WHOLE_CLASSES = 10
_LONGEST_VALUE = 60
_YES = frozenset(
    [
        "1",
        "true",
        "t",
        "yes",
        "y",
        "si",
        "ja",
        "oui",
        "on",
        "positive",
        "pos",
        "present",
        "abnormal",
        "malignant",
        "m+",
        "sick",
        "ill",
        "disease",
        "case",
        "died",
        "dead",
        "death",
        "deceased",
        "bad",
        "default",
        "defaulted",
        "fraud",
        "fraudulent",
        "spam",
        "churn",
        "churned",
        "left",
        "lost",
        "won",
        "win",
        "converted",
        "bought",
        "purchased",
        "clicked",
        "returned",
        "cancelled",
        "canceled",
        "failed",
        "fail",
        "failure",
        "late",
        "delayed",
        "anomaly",
        "attack",
        "approved",
        "accepted",
        "survived",
        "success",
        "successful",
        "active",
        "subscribed",
        "renewed",
        "retained",
        "poisonous",
        "infected",
        "recurrence",
        "relapse",
    ]
)
_NO = frozenset(
    [
        "0",
        "false",
        "f",
        "no",
        "n",
        "non",
        "nein",
        "off",
        "negative",
        "neg",
        "absent",
        "normal",
        "benign",
        "healthy",
        "well",
        "control",
        "alive",
        "good",
        "paid",
        "legit",
        "genuine",
        "ham",
        "stayed",
        "kept",
        "ok",
        "none",
        "never",
        "inactive",
        "unsubscribed",
        "ontime",
        "edible",
        "rejected",
        "declined",
        "lose",
        "loss",
    ]
)
_DENIED = re.compile(r"^(?:no|not|non|never|un|in|without)[ _-]?(?=\w{3})", re.IGNORECASE)
_BY_DEFAULT = frozenset({"1", "true", "True"})
"""Texts that count as positive where the document says nothing."""


@dataclass(frozen=True)
class Label:
    """The field to predict, its task, and why."""

    field: FieldProfile
    task: Task
    reason: str
    others: tuple[str, ...] = ()
    """Other candidates."""
    positive: str | int | float | None = None
    """The value that counts as 1; None where it needs not be said, or there is none."""
    shares: tuple[float, ...] = ()
    """Share of each class in the sample, the commonest first; empty for a number."""
    positive_share: float = 0.0
    """Share of the positive class of a binary task."""

    @property
    def type(self) -> str | None:
        """The type that the document declares: whole numbers are classes even if they are written as doubles."""
        kind = self.field.type
        return "int" if kind == "float" and self.task != "regression" and self.field.whole else kind


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
    task = task_of(field)
    if task is None:
        remedy = "name another field with --label"
        raise DataError(
            f"label {path!r}", expected="two or more classes, or a number", seen=_unfit(field), remedy=remedy
        )
    return _label(field, task, "you named it")


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
            expected="a field that looks like a label: true or false, 0 or 1, yes or no, or a name such as outcome",
            seen=f"none among {', '.join(field.path for field in profile.fields[:12])}",
            remedy="name it: --label PATH (dotted, as in the documents)",
        )
    best = likely[0][1]
    task = task_of(best)
    assert task is not None, "a field without a task has no score"
    if best.kinds == {"bool"}:
        reasons = ["true or false"]
    elif best.zero_or_one:
        reasons = ["0 or 1"]
    else:
        reasons = ["two values" if task == "binary" else "few classes"]
    reasons += ["named like an outcome"] if _OUTCOME.search(best.name) else []
    return _label(best, task, ", ".join(reasons), tuple(field.path for _, field in likely[1:6]))


def _label(field: FieldProfile, task: Task, reason: str, others: tuple[str, ...] = ()) -> Label:
    counts = _counts(field)
    total = counts.total()
    shares = () if task == "regression" else tuple(n / total for _, n in counts.most_common())
    if task != "binary":
        return Label(field, task, reason, others, shares=shares)
    chosen = positive_of(counts)
    if chosen is None:  # nothing of either class may be told: two classes without a positive one
        return Label(field, "multiclass", reason, others, shares=shares)
    positive_share = counts[chosen] / total
    positive: str | int | float | None = chosen
    if field.type in ("int", "float"):
        number = float(chosen)
        positive = int(number) if number.is_integer() else number
        positive = None if positive == 1 else positive
    elif field.type == "bool" or chosen in _BY_DEFAULT:
        positive = None
    return Label(field, task, reason, others, positive, shares, positive_share)


def _counts(field: FieldProfile) -> Counter[str]:
    """Returns how many documents of the sample have each value, as the text that ingestion writes."""
    if field.type in ("int", "bool", "float"):
        known = field.known.tolist()
        return Counter(str(int(value)) if value.is_integer() else repr(value) for value in known)
    return Counter(text for text in classes_of(field.sample) if text is not None)


def positive_of(counts: Counter[str]) -> str | None:
    """Returns which of two values counts as the event: by its word, as the other's opposite, the larger or the rarer.

    Of text, only values that may be told are chosen: five documents or more have them and they do not look personal.
    """
    if all(_is_number(value) for value in counts):
        return max(counts, key=float)
    told = [value for value, times in counts.items() if times >= FEWEST and _may_be_told(value)]
    ranked = sorted(counts, key=lambda value: (-_affirms(value, counts), counts[value], value))
    return next((value for value in ranked if value in told), None)


def _may_be_told(value: str) -> bool:
    return len(value) <= _LONGEST_VALUE and look_of(value) is None


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def _affirms(value: str, counts: Counter[str]) -> int:
    """Returns 1 for a word that says yes, −1 for one that says no, 0 for any other."""
    plain = value.strip().casefold().rstrip(".")
    if plain in _YES:
        return 1
    others = {other.strip().casefold().rstrip(".") for other in counts} - {plain}
    if plain in _NO or _DENIED.sub("", plain) in others:
        return -1
    return int(any(_DENIED.sub("", other) == plain or other in _NO for other in others))


def _score(field: FieldProfile) -> float:
    task = task_of(field)
    if task is None or field.present < 0.5 or field.personal or named(field.path):
        return 0
    sounds = 2.0 if _OUTCOME.search(field.name) else 0.0
    if task == "regression":
        return 0
    if field.kinds == {"bool"}:
        return sounds + 2.0
    if field.zero_or_one:
        return sounds + 2.5
    if task == "binary" and field.type == "string":
        counts = _counts(field)
        return sounds + (2.0 if any(_affirms(value, counts) for value in counts) else 1.0)
    return sounds + (1.0 if field.distinct == 2 else 0.0)


def task_of(field: FieldProfile) -> Task | None:
    """Returns the task for predicting a field, or None."""
    if field.is_array or field.nested or field.distinct < 2 or field.type in (None, "date", "bytes"):
        return None
    if "objectid" in field.kinds:
        return None
    if field.type == "string":
        counts = _counts(field)
        empty = "" in field.sample
        distinct, values = field.distinct - empty, counts.total() if empty else field.values
        if distinct <= 2:
            return "binary" if distinct == 2 and values >= 4 else None
        return "multiclass" if distinct <= MOST_CLASSES and values >= 2 * distinct else None
    different = len(set(field.known.tolist()))
    if different == 2 and field.whole:
        return "binary"
    if field.whole and different <= _MOST_WHOLE_CLASSES and field.values >= 5 * different:
        return "multiclass"
    return "regression" if different > 1 else None


def _unfit(field: FieldProfile) -> str:
    if field.is_array:
        return "an array"
    if field.nested:
        return "documents"
    if field.distinct - ("" in field.sample) < 2:
        return f"the same value in all documents looked at ({field.values:,})"
    if field.type == "string":
        return f"text with {field.distinct} distinct values in {field.values} documents"
    return f"values of type {field.type}"
