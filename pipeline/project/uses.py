"""Chooses split key, transformations and slices from names, types and values."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from foundation.personal.kinds import ADDRESS, CARD, EMAIL, IBAN, MAC, NATIONAL, PHONE
from foundation.personal.names import named
from foundation.personal.told import fits
from pipeline.project.codes import are_codes, is_code_name
from pipeline.project.profile import MANY, ExportProfile, FieldProfile

_KEY = re.compile(
    r"^(user|learner|student|customer|client|member|account|person|patient|player|visitor|household|company|device|session)"
    r"_?(id|key|no|number|uuid|guid)?$",
    re.IGNORECASE,
)
_LONG_TAIL = 2.0
"""Skewness from which the logarithm of a non-negative number is a feature, too."""
_FEW = 12
"""Whole numbers with at most this many different values are read as categories, too."""
_LONGEST_NAME = 60
"""Characters of a value that still names a slice in a sentence or a table."""
_OF_A_FORM = frozenset({ADDRESS, CARD, EMAIL, IBAN, MAC, NATIONAL, PHONE})
"""Kinds of personal values that have a form: numbers from 1 to 6 are no card numbers, whatever the field is called."""
_LOOKED_AT, _PERSONAL_SHARE = 500, 0.1
_MOST_BLOCKED = 0.4
"""Share of the values that may be out of reach, behind something else than a document or in an array of an array; from
half on a run stops."""
_TOLD_ODD = 0.005


@dataclass(frozen=True)
class Use:
    """How the document uses one field."""

    field: FieldProfile
    transformations: tuple[str, ...]
    """In YAML; empty if the field is not used."""
    reason: str
    """Why it is used this way, or why it is left out."""

    @property
    def type(self) -> str | None:
        """The type that the document declares: categories of whole numbers are whole, even if written as doubles."""
        kind = self.field.type
        as_ids = any(one.startswith(("{vocabulary", "{hash")) for one in self.transformations)
        return "int" if kind == "float" and as_ids else kind


def split_key(profile: ExportProfile) -> FieldProfile | None:
    """Returns the field that identifies whose documents these are, or None: then documents are independent."""
    keys = [
        field
        for field in profile.fields
        if _KEY.search(field.name) and not field.is_array and field.present > 0.9
    ]
    keys = [field for field in keys if field.distinct > 10 or field.distinct * 2 > field.values]
    return min(keys, key=lambda field: field.path.count("."), default=None)


def use_of(field: FieldProfile, outcome: np.ndarray) -> Use:
    """Returns the transformations that suit a field's type and values.

    Args:
        field: The field.
        outcome: The label as a number for each document of the sample, NaN without one; float64 [documents].
    """
    if field.type is None:
        return Use(field, (), "no value in the sample")
    if field.blocked > _MOST_BLOCKED:
        return Use(field, (), "behind a value that is often no document")
    if field.inner > _MOST_BLOCKED:
        return Use(field, (), "arrays in an array, which no feature can hold")
    if field.nested:
        return Use(field, (), "often a document, whose fields are read")
    if field.path == "_id" or _named_personal(field):
        return Use(field, (), "the document's id" if field.path == "_id" else "looks personal")
    if field.personal:
        return Use(field, (), f"looks personal: its texts seem to contain {field.personal[0]}")
    if field.kinds & {"objectid", "uuid"} and field.values < 5 * field.distinct:
        return Use(field, (), "an id")
    if field.type == "bytes":
        return Use(field, (), "binary")
    if field.distinct < 2 and not field.is_array:
        return Use(field, (), "the same in all documents")
    chosen, reason = _array(field) if field.is_array else _scalar(field, outcome)
    if chosen and field.odd > _TOLD_ODD:
        reason = f"{reason}; {field.odd:.0%} of the values are of another type and count as missing"
    if chosen and field.present * (1 - field.odd) < 0.99:
        chosen = (*chosen, "missing")
        reason = reason if field.odd > _TOLD_ODD else f"{reason}; not in every document"
    return Use(field, chosen, reason)


def _named_personal(field: FieldProfile) -> bool:
    """Returns whether the name of a field says that it is personal, and its values do not say otherwise."""
    kind = named(field.path)
    if kind is None or field.kinds == {"bool"}:
        return False
    values = [str(value) for value in field.sample if value is not None][:_LOOKED_AT]
    if kind not in _OF_A_FORM or field.is_array or not values:
        return True
    return sum(fits(kind, value, field.path) for value in values) >= _PERSONAL_SHARE * len(values)


def _array(field: FieldProfile) -> tuple[tuple[str, ...], str]:
    if (
        field.type in ("string", "int", "bool")
        and field.distinct < MANY
        and field.values >= 2 * field.distinct
    ):
        return (f"{{bag: {_room(field.distinct)}}}", "count"), "array of repeated values"
    return ("count",), "array"


def _scalar(field: FieldProfile, outcome: np.ndarray) -> tuple[tuple[str, ...], str]:
    if field.type == "date":
        return _date(field)
    if field.type == "bool":
        return ("identity",), "true or false"
    if field.type in ("int", "float"):
        return _number(field, outcome)
    if field.words >= 3 and field.distinct * 4 > field.values:
        return ("{text: 500}",), "free text"
    if field.values >= 2 * field.distinct and field.distinct < MANY:
        return (f"{{vocabulary: {_room(field.distinct)}}}",), "repeated values"
    if field.distinct * 10 > field.values * 9:
        return (), "an id: nearly every document has a different value"
    return ("{hash: 1000}",), "many distinct values"


def _date(field: FieldProfile) -> tuple[tuple[str, ...], str]:
    """Returns a date as a number, and the parts of the calendar that differ between the documents."""
    seconds = field.known / 1000
    days = np.floor_divide(seconds, 86_400)
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12
    parts = {"month": months, "day_of_week": days % 7, "hour": seconds // 3600 % 24}
    varied = [name for name, values in parts.items() if len(np.unique(values)) > 1]
    calendar = (f"{{date_parts: [{', '.join(varied)}]}}",) if varied else ()
    return ("zscore", *calendar), "date: how late, and where in the calendar" if varied else "date"


def _number(field: FieldProfile, outcome: np.ndarray) -> tuple[tuple[str, ...], str]:
    if field.zero_or_one:
        return ("identity",), "0 or 1"
    known = field.known
    distinct = len(np.unique(known))
    plain = _plain_number(field)
    if not field.whole:
        return plain
    repeated = distinct < MANY and len(known) >= 5 * distinct
    ids = f"{{vocabulary: {_room(distinct)}}}" if repeated else "{hash: 1000}"
    if is_code_name(field.name) and distinct > _FEW:
        if distinct * 10 > len(known) * 9:
            return (), "an id: nearly every document has a different value"
        return (ids,), "codes, by their name"
    if repeated and distinct <= _FEW:
        return ("zscore", ids), "few whole numbers: as a number and as categories"
    if repeated and are_codes(field.numbers, outcome):
        return (*plain[0], ids), "whole numbers that may be codes: as a number and as categories"
    return plain


def _plain_number(field: FieldProfile) -> tuple[tuple[str, ...], str]:
    if field.skewness > _LONG_TAIL and field.known.min() >= 0:
        return ("zscore", "log_zscore"), "number with a long tail"
    return ("zscore",), "number"


def _room(distinct: int) -> int:
    """Returns a round number above the number of values, to leave room for new ones."""
    return next(size for size in (10, 20, 50, 100, 200, 500, 1000, 5000) if size >= 1.2 * distinct)


def slices(uses: list[Use]) -> list[FieldProfile]:
    """Returns up to three features with few, short values, as slices for evaluation; none whose values have several types."""
    few = [
        use.field
        for use in uses
        if use.transformations and not use.field.is_array and use.field.type in ("string", "bool")
    ]
    few = [field for field in few if len(field.kinds) == 1 and not field.odd]
    few = [field for field in few if 2 <= field.distinct <= 20 and field.values >= 10 * field.distinct]
    few = [field for field in few if all(len(str(value)) <= _LONGEST_NAME for value in field.sample)]
    return sorted(few, key=lambda field: (field.type == "bool", field.distinct))[:3]
