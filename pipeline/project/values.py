"""The values of a sample, path by path, from which a project is guessed; they stay in memory."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from components.exports.coerce import COERCIONS, kind_of, kind_of_text
from components.exports.documents import BLOCKED, MISSING
from components.exports.fields import FieldType, widest
from components.exports.readers import sample_documents
from components.exports.texts import Misfit
from components.mongo_example_gen.columnar.paths import values_at

MOSTLY = 0.8
"""Share of the values from which a field has a type although other values do not fit it: they count as missing."""
_TOGETHER = 500
"""Documents whose values are taken at once."""
_MOST_PLACEHOLDERS = 3
"""Different texts that may stand for a missing number among texts that are numbers, such as NA and unknown."""
_PADDED = re.compile(r"0\d+")
"""Digits that stand for themselves: as a number, ``01234`` would lose its zero."""
_NO_VALUE = frozenset({"null", "document", "array", "blocked", "minkey", "maxkey"})
_NUMBERS = frozenset({"int", "float", "decimal"})
_DATES = frozenset({"date", "timestamp"})


def read_values(pattern: str, base_folder: Path, sample: int, paths: Iterable[str]) -> dict[str, list[Any]]:
    """Returns path → its value in each document of a sample; None where there is none.

    Raises:
        DataError: The export cannot be read.
    """
    columns: dict[str, list[Any]] = {path: [] for path in paths}
    ways = [tuple(path.split(".")) for path in columns]
    documents = sample_documents(pattern, base_folder, sample)
    while some := list(islice(documents, _TOGETHER)):
        for column, values in zip(columns.values(), values_at(some, ways, wrapped=False), strict=True):
            column += [None if _is_nothing(value) else value for value in values]
    return columns


def _is_nothing(value: Any) -> bool:
    return value is None or value is MISSING or value is BLOCKED or (type(value) is list and not value)


def type_of(values: Sequence[Any]) -> tuple[FieldType | None, float]:
    """Returns the type that suits a field's values, and the share of them that do not fit it.

    A type that nearly all values have wins over text, which would hold all: dates of which some are text stay dates. Text
    that is a number or a date everywhere, or but for a few placeholders, is read as one; digits padded with zeros are text.
    """
    kinds, texts = _counted(values)
    if any(_PADDED.fullmatch(text.strip()) for text in texts):
        return "string", 0.0
    written: Counter[str] = Counter()
    for text, times in texts.items():
        written[kind_of_text(text)] += times
    total = kinds.total() + texts.total()
    if not total:
        return None, 0.0
    both = kinds + written
    if "string" not in both and (found := widest(set(both))) not in (None, "string"):
        return found, 0.0
    strange = sum(kind_of_text(text) == "string" for text in texts)
    if kinds or strange <= _MOST_PLACEHOLDERS:
        for family in (_DATES, _NUMBERS | {"bool"}):
            fitting = {kind for kind in both if kind in family}
            share = sum(both[kind] for kind in fitting) / total
            if share >= MOSTLY:
                return widest(fitting), 1.0 - share
    return widest(set(kinds) | ({"string"} if texts else set())), 0.0


def _counted(values: Sequence[Any]) -> tuple[Counter[str], Counter[str]]:
    """Returns how many values there are of each kind but text, and of each text."""
    kinds: Counter[str] = Counter()
    texts: Counter[str] = Counter()
    for value in values:
        kind = kind_of(value)
        if kind == "string":
            texts[value] += 1
        elif kind not in _NO_VALUE:
            kinds[kind] += 1
    return kinds, texts


def numbers_of(values: Sequence[Any], kind: FieldType) -> np.ndarray:
    """Returns each value as ingestion would read it, NaN where it is missing or does not fit; float64 [documents]."""
    read = COERCIONS[kind]
    numbers: np.ndarray = np.full(len(values), np.nan)
    for place, value in enumerate(values):
        if value is not None:
            try:
                numbers[place] = float(read(value))
            except (Misfit, OverflowError):
                continue
    return numbers


def texts_of(values: Sequence[Any]) -> list[str | None]:
    """Returns the text of each value as ingestion would write it, None where there is none."""
    texts: list[str | None] = []
    for value in values:
        try:
            texts.append(None if value is None else COERCIONS["string"](value).decode("utf-8", "replace"))
        except Misfit:
            texts.append(None)
    return texts


def classes_of(values: Sequence[Any]) -> list[str | None]:
    """Returns the class that each value is as a label; None without a value, as Transform takes no empty text for a class."""
    return [text or None for text in texts_of(values)]
