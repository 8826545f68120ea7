"""Converts documents one by one, if the columnar path refuses them, and counts misfits."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from bson import Int64, ObjectId
from bson.datetime_ms import DatetimeMS

from components.exports import tally as count
from components.exports.arrow import list_array
from components.exports.coerce import (
    COERCIONS,
    FLOAT32_MAX,
    FLOAT32_ZERO,
    in_seconds,
    is_number,
    kind_of,
    kind_of_text,
    number_of,
)
from components.exports.documents import MISSING, value_at
from components.exports.formats import FORMATS
from components.exports.formats.base import BadDocumentError, Block
from components.exports.keys import canonical_text, id_text, key_text, why_no_key
from components.exports.tally import Tally
from components.exports.texts import EXACT_IN_DOUBLE, INT64_MIN, Misfit
from components.mongo_example_gen.columnar.paths import values_at
from components.mongo_example_gen.columnar.rows import (
    ARROW_TYPES,
    Rows,
    rounded_by_float32,
    rounded_from,
)
from components.mongo_example_gen.plan import ID, Column, Plan

_PLAIN_TYPES = {int, str, float, bool, Int64, ObjectId, DatetimeMS}


def convert_one_by_one(
    block: Block, which: list[int], kind: str, plan: Plan, tally: Tally
) -> tuple[Rows, list[tuple[int, str]]]:
    """Converts some documents of a block.

    Args:
        block: The raw documents.
        which: Indexes of the documents to convert.
        kind: Format of the block.
        plan: What to take.
        tally: Counts are added here.

    Returns:
        The rows of the good documents, and index and reason of each bad one.
    """
    parse, wrapped = FORMATS[kind].decoder(block)
    paths = [(ID,), tuple(plan.split_by.split(".")), *(column.parts for column in plan.columns)]
    parsed: dict[int, Any] = {}
    bad: list[tuple[int, str]] = []
    for index in which:
        try:
            parsed[index] = parse(block.documents[index])
        except BadDocumentError as error:
            bad.append((index, str(error)))
    tally[count.SLOW] += len(which)
    try:
        found = values_at(list(parsed.values()), paths, wrapped)
    except BadDocumentError:
        wrong = malformed(parsed, paths, wrapped)
        bad = sorted([*bad, *wrong.items()])
        parsed = {index: document for index, document in parsed.items() if index not in wrong}
        found = values_at(list(parsed.values()), paths, wrapped)
    if not parsed:
        return Rows([], [], {}), bad
    ids, keys, *columns = found
    raws = [block.documents[index] for index in parsed]
    return rows_of(ids, keys, columns, raws, plan, tally, kind == "csv"), bad


def malformed(
    documents: Mapping[int, dict[str, Any]], paths: Sequence[tuple[str, ...]], wrapped: bool
) -> dict[int, str]:
    """Returns which documents hold a malformed value at one of the paths, and why.

    Args:
        documents: Number → parsed document.
        paths: Dotted paths, split.
        wrapped: Whether leaves are still Extended JSON.
    """
    found = {}
    for number, document in documents.items():
        try:
            for path in paths:
                value_at(document, path, wrapped)
        except BadDocumentError as error:
            found[number] = str(error)
    return found


def rows_of(
    ids: list[Any],
    keys: list[Any],
    columns: list[list[Any]],
    raws: list[bytes],
    plan: Plan,
    tally: Tally,
    text: bool,
) -> Rows:
    """Converts values from documents to rows.

    Args:
        ids: ``_id`` of each document, or ``MISSING``.
        keys: Split key of each document, or ``MISSING``.
        columns: For each column of the plan the value of each document.
        raws: The raw documents, from which missing ids are derived.
        plan: What to take.
        tally: Counts are added here.
        text: Whether scalars come from CSV.
    """
    id_texts, id_keys = _ids(ids, raws, tally, text and ID in plan.privacy.rules)
    key_texts = id_keys if plan.split_by == ID else _keys(keys, id_keys, tally)
    arrays = {}
    for column, values in zip(plan.columns, columns, strict=True):
        array = convert_column(values, column, tally, text)
        if array is not None:
            arrays[column.feature] = array
    return Rows(id_texts, key_texts, arrays)


def _ids(ids: list[Any], raws: list[bytes], tally: Tally, hashed_text: bool) -> tuple[list[str], list[str]]:
    """Returns the text of each id, and its key.

    Args:
        ids: The ids.
        raws: The raw documents, from which missing ids are derived.
        tally: Counts are added here.
        hashed_text: Whether ids are text of CSV that is hashed: then one person has one hash in all formats.
    """
    if set(map(type, ids)) == {ObjectId}:
        texts = [value.binary.hex() for value in ids]
        return texts, texts
    texts, keys = [], []
    for value, raw in zip(ids, raws, strict=True):
        if value is MISSING or value is None:
            tally[count.MADE_ID] += 1
            made = hashlib.sha256(raw).hexdigest()[:24]
            texts.append(made)
            keys.append(made)
        else:
            keys.append(key_text(value))
            texts.append(keys[-1] if hashed_text else id_text(value))
    return texts, keys


def _keys(values: list[Any], id_keys: list[str], tally: Tally) -> list[str]:
    """Returns the key of each document; the id's where it has none, which is counted."""
    types = set(map(type, values))
    if types == {ObjectId}:
        return [value.binary.hex() for value in values]
    if types <= {int, Int64}:
        return [str(int(value)) for value in values]
    found = []
    for value, id_key in zip(values, id_keys, strict=True):
        if type(value) is str and value[:1] not in ("[", "{"):
            found.append(canonical_text(value))
            continue
        reason = why_no_key(value)
        tally[count.KEY_FALLBACK] += reason == "missing"
        tally[count.KEY_BLOCKED] += reason == "blocked"
        found.append(id_key if reason else key_text(value))
    return found


def convert_column(values: list[Any], column: Column, tally: Tally, text: bool = False) -> pa.Array | None:
    """Converts the values of one column to a list array and updates the counts.

    Args:
        values: One per document: a scalar, a list, None, ``MISSING`` or ``BLOCKED``.
        column: The column; without a type only kinds are counted.
        tally: Counts are added here.
        text: Whether scalars come from CSV, where kinds are inferred from text.

    Returns:
        The column, or None if it has no type yet.
    """
    types = set(map(type, values))
    lengths: np.ndarray = np.ones(len(values), np.int32)
    present: np.ndarray = np.ones(len(values), bool)
    items = values
    if types & {list, type(None), type(MISSING)}:
        items = _flatten(values, column, tally, lengths, present)
    _count_kinds(items, column, tally, text)
    if column.type is None:
        return None
    array = _homogeneous(items, column, tally)
    if array is None:
        array = _mixed(items, column, tally, lengths, present)
    return list_array(array, lengths, present)


def _flatten(
    values: list[Any], column: Column, tally: Tally, lengths: np.ndarray, present: np.ndarray
) -> list[Any]:
    """Returns all items in order, and fills ``lengths`` and ``present``."""
    items: list[Any] = []
    for row, value in enumerate(values):
        if value is MISSING or value is None:
            lengths[row], present[row] = 0, False
            tally[count.field(column.feature, "missing" if value is MISSING else "null")] += 1
        elif isinstance(value, list) and column.list is False:
            lengths[row], present[row] = 0, False
            tally[count.misfit(column.feature, "array in a field declared without list")] += 1
        elif isinstance(value, list):
            kept = [item for item in value if item is not None]
            tally[count.field(column.feature, "arrays")] += 1
            tally[count.field(column.feature, "null items")] += len(value) - len(kept)
            tally[count.field(column.feature, "empty")] += not kept
            lengths[row] = len(kept)
            items += kept
        else:
            items.append(value)
    return items


def _count_kinds(items: list[Any], column: Column, tally: Tally, text: bool) -> None:
    types = set(map(type, items))
    if types <= _PLAIN_TYPES and not (text and str in types) and len(types) == 1:
        tally[count.kind(column.feature, kind_of(items[0]))] += len(items)
        return
    for item in items:
        tally[count.kind(column.feature, kind_of_text(item) if text else kind_of(item))] += 1


def _homogeneous(items: list[Any], column: Column, tally: Tally) -> pa.Array | None:
    """Converts items together if all clearly have the column's type; otherwise returns None."""
    types = set(map(type, items))
    try:
        if column.type == "float" and types <= {int, Int64, float}:
            doubles = np.array(items, np.float64)
            sizes = np.abs(doubles)
            fits = (sizes < (FLOAT32_MAX if types == {float} else EXACT_IN_DOUBLE)) & (
                (sizes > FLOAT32_ZERO) | (sizes == 0)
            )
            if np.all(fits):
                tally[count.field(column.feature, "rounded by float32")] += rounded_by_float32(doubles)
                return pa.array(doubles.astype(np.float32))
        if (column.type == "int" and types <= {int, Int64, bool}) or (
            column.type == "bool" and types <= {bool}
        ):
            integers = np.array(items, np.int64)
            return pa.array(integers) if np.all(integers > INT64_MIN) else None
    except OverflowError:
        return None  # an integer beyond int64: convert items one by one
    if column.type == "date" and types <= {DatetimeMS}:
        moments: np.ndarray = np.array([int(item) for item in items], np.int64)
        return pa.array(moments) if np.all(moments > INT64_MIN) else None
    if column.type == "string" and types <= {str}:
        return pa.array(items, pa.large_string()).cast(pa.large_binary())
    if column.type == "string" and types <= {ObjectId}:
        return pa.array([str(item) for item in items], pa.large_string()).cast(pa.large_binary())
    return None


def _mixed(
    items: list[Any], column: Column, tally: Tally, lengths: np.ndarray, present: np.ndarray
) -> pa.Array:
    """Converts items one by one; a misfit is dropped, and a row without other values becomes missing."""
    coerce = COERCIONS[str(column.type)]
    kept: list[Any] = []
    originals: list[Any] = []
    owners: np.ndarray = np.repeat(np.arange(len(lengths)), lengths)
    for owner, item in zip(owners, items, strict=True):
        try:
            kept.append(coerce(item))
            originals.append(item)
            if isinstance(item, str) and column.type not in ("string", "bytes"):
                tally[count.field(column.feature, "read from text")] += 1
            if column.type == "date" and in_seconds(kept[-1]) and is_number(item):
                tally[count.field(column.feature, count.LIKE_SECONDS)] += 1
        except Misfit as reason:
            tally[count.misfit(column.feature, str(reason))] += 1
            lengths[owner] -= 1
            if not lengths[owner]:
                present[owner] = False
    if column.type == "float":
        doubles = np.array(kept, np.float64)
        lost = rounded_from([number_of(item) for item in originals], doubles)
        tally[count.field(column.feature, "rounded by float32")] += lost
        return pa.array(doubles.astype(np.float32))
    return pa.array(kept, ARROW_TYPES[str(column.type)])
