"""JSON lines at columnar speed: Arrow parses a whole block and its columns become features.

Only documents whose wanted values all clearly have the right kind are converted here. The caller converts all others
(broken, mixed, misfit) one by one.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.exports import extended_json
from components.exports import tally as count
from components.exports.arrow import list_array
from components.exports.coerce import SECONDS_FROM, SECONDS_TO
from components.exports.documents import MISSING, value_at
from components.exports.formats.base import BadDocumentError
from components.exports.tally import Tally
from components.mongo_example_gen.columnar.fitting import MOST_ODD, Shapes, parse_fitted
from components.mongo_example_gen.columnar.leaves import RefusedError, canonical_texts, convert_leaf
from components.mongo_example_gen.columnar.paths import values_at
from components.mongo_example_gen.columnar.rows import Rows, rounded_by_float32
from components.mongo_example_gen.columnar.shapes import KEY
from components.mongo_example_gen.columnar.slow import convert_column, malformed
from components.mongo_example_gen.plan import ID, Column, Plan

_ROUNDS = 3
"""How often documents that are refused are left out and the others tried again."""
_WRAPPER = rb'(?:oid|date|number(?:Int|Long|Double|Decimal))"'
_THEN_KEY = _WRAPPER + rb'\s*:\s*(?:"[^"\\]*"|[-+.\w]+|\{[^{}]*\})\s*,'
_EXTRA_KEYS = re.compile(rb'"\$(?:(?:(?<=,"\$)|(?<=, "\$)|(?<=  "\$))' + _WRAPPER + rb"|" + _THEN_KEY + rb")")
"""A wrapper with an extra key: Arrow would not notice, the one-by-one path calls it malformed."""
_EXTRA_KEYS_PRETTY = re.compile(rb',\s*"\$' + _WRAPPER + rb'|"\$' + _THEN_KEY)
"""The same for documents over several lines; slower, as it starts with no literal."""


@dataclass
class _Column:
    """One converted column before it is cut into rows."""

    values: pa.Array
    rows: np.ndarray | None
    """Row of each value; None where each row has one."""
    present: np.ndarray
    refused: np.ndarray
    """Rows that this column refuses, bool [rows]."""
    kinds: dict[str, int] = field(default_factory=dict)
    null_items: int = 0
    """Arrays inside arrays that are null."""


@dataclass(frozen=True)
class _Columns:
    """The converted columns of a block.

    Attributes:
        identity: The ids.
        key: The split keys; the ids themselves where these are the keys.
        planned: Number of a column of the plan → the column; those that are set apart are missing.
    """

    identity: _Column
    key: _Column
    planned: Mapping[int, _Column]


@dataclass(frozen=True)
class _Apart:
    """Columns that are taken from the documents one by one.

    Attributes:
        documents: The parsed documents; empty if there are no such columns.
        values: Number of a column → the value of each document.
    """

    documents: Sequence[dict[str, Any]] = ()
    values: Mapping[int, list[Any]] = field(default_factory=dict)


def convert_lines(
    documents: list[bytes], plan: Plan, tally: Tally, shapes: Shapes | None = None
) -> tuple[Rows | None, list[int]]:
    """Converts the documents that can be converted as columns.

    Args:
        documents: Raw JSON documents, each on one line or not.
        plan: What to take; types are settled.
        tally: Counts of the converted documents are added here.
        shapes: What is known of the part's documents; what these teach is added.

    Returns:
        The rows, if any, and the indexes of the documents that are left to be converted one by one.
    """
    shapes = Shapes() if shapes is None else shapes
    there = [i for i, document in enumerate(documents) if document.strip()]
    good = _candidates(documents)
    for _ in range(_ROUNDS):
        if not good or shapes.tree(plan) is None:
            break
        good, table = parse_fitted(documents, good, plan, shapes)
        if table is None:
            break
        try:
            columns = _convert_columns(table, plan, shapes)
        except RefusedError:
            break
        refused = _refused(columns)
        apart = _Apart()
        if shapes.apart and not refused.any():
            apart, refused = _taken_apart(documents, good, plan, shapes)
        if not refused.any():
            rows = _finish(documents, good, columns, plan, tally, apart)
            kept = set(good)
            return rows, [i for i in there if i not in kept]
        good = [i for i, out in zip(good, refused, strict=True) if not out]
    return None, there


def _refused(columns: _Columns) -> np.ndarray:
    """Returns which rows are refused by a column, bool [rows]."""
    every = (columns.identity, columns.key, *columns.planned.values())
    return np.logical_or.reduce([column.refused for column in every])


def _taken_apart(
    documents: list[bytes], good: list[int], plan: Plan, shapes: Shapes
) -> tuple[_Apart, np.ndarray]:
    """Returns the values of the columns that are set apart, and which documents are malformed there, bool [rows]."""
    parsed: dict[int, dict[str, Any]] = {}
    for place, index in enumerate(good):
        with contextlib.suppress(extended_json.ExtendedJsonError):
            parsed[place] = extended_json.parse(documents[index])
    numbers = sorted(shapes.apart)
    paths = [plan.columns[number].parts for number in numbers]
    refused: np.ndarray = np.ones(len(good), bool)
    refused[list(parsed)] = False
    try:
        values = values_at(list(parsed.values()), paths, wrapped=True)
    except BadDocumentError:
        refused[list(malformed(parsed, paths, wrapped=True))] = True
        return _Apart(), refused
    return _Apart(list(parsed.values()), dict(zip(numbers, values, strict=True))), refused


def convert_table(table: pa.Table, plan: Plan, tally: Tally) -> tuple[Rows | None, list[int]]:
    """Converts rows that are columns already, shaped as ``wanted_tree`` says; null and missing are one there.

    Args:
        table: The wanted paths; types as ``convert_leaf`` takes them.
        plan: What to take; types are settled.
        tally: Counts of the converted rows are added here.

    Returns:
        The rows, if any, and the indexes of those that are left to be converted one by one.
    """
    size = table.num_rows
    good: np.ndarray = np.arange(size)
    for _ in range(_ROUNDS):
        if not len(good):
            break
        try:
            columns = _convert_columns(table.combine_chunks(), plan)
        except RefusedError:
            break
        refused = _refused(columns)
        if not refused.any():
            rows = _finish([b""] * size, good.tolist(), columns, plan, tally, _Apart())
            return rows, np.setdiff1d(np.arange(size), good).tolist()
        table, good = table.filter(pa.array(~refused)), good[~refused]
    return None, list(range(size))


def _candidates(documents: list[bytes]) -> list[int]:
    """Returns the indexes of documents without anything that only Arrow would accept."""
    data = b"\n".join(documents)
    usable = [
        i
        for i, document in enumerate(documents)
        if document[:1] == b"{" and document.rstrip(b"\r")[-1:] == b"}"
    ]
    extra_keys = _EXTRA_KEYS_PRETTY if b"\n" in documents[0] else _EXTRA_KEYS
    if extra_keys.search(data):
        usable = [i for i in usable if not extra_keys.search(documents[i])]
    if not data.isascii() and not _is_utf8(data):
        usable = [i for i in usable if _is_utf8(documents[i])]
    return usable


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _convert_columns(table: pa.Table, plan: Plan, shapes: Shapes | None = None) -> _Columns:
    """Returns the columns of a table.

    Args:
        table: The parsed documents.
        plan: What to take.
        shapes: What is known of the documents: columns that cannot be converted at once, or refuse many rows, are set
            apart.

    Raises:
        RefusedError: A column cannot be converted at once, and there is nowhere to set it apart.
    """
    size = table.num_rows
    arrays = {name: _only_chunk(table, name) for name in table.column_names}
    identity = _required_id(_convert(arrays, (ID,), KEY, size))
    by = tuple(plan.split_by.split("."))
    key = identity if by == (ID,) else _one_key(_convert(arrays, by, KEY, size))
    columns: dict[int, _Column] = {}
    for number, column in enumerate(plan.columns):
        if shapes and number in shapes.apart:
            continue
        try:
            columns[number] = _convert(arrays, column.parts, column.type or "string", size)
        except RefusedError:
            if shapes is None:
                raise
    if shapes:
        odd = {number for number, column in columns.items() if column.refused.any()}
        if sum(int(columns[number].refused.sum()) for number in odd) < MOST_ODD * size:
            odd = set()
        columns = {number: column for number, column in columns.items() if number not in odd}
        shapes.set_apart(set(range(len(plan.columns))) - columns.keys())
    return _Columns(identity, key, columns)


def _only_chunk(table: pa.Table, name: str) -> pa.Array:
    chunks = table.column(name).chunks
    return chunks[0] if len(chunks) == 1 else pa.concat_arrays(chunks)


def _required_id(column: _Column) -> _Column:
    column.refused = column.refused | ~column.values.is_valid().to_numpy(zero_copy_only=False)
    return column


def _one_key(column: _Column) -> _Column:
    """Refuses keys that are arrays or documents, also as text: whether they hold a value is seen one by one."""
    if column.rows is not None:
        raise RefusedError("several values")
    composite = pc.match_substring_regex(column.values, r"^[\[{]").fill_null(False)
    column.refused = column.refused | composite.to_numpy(zero_copy_only=False)
    return column


def _convert(arrays: dict[str, pa.Array], parts: tuple[str, ...], use: str, size: int) -> _Column:
    leaf, rows, present, null_items = _descend(arrays[parts[0]], parts[1:], size)
    values, refused_values, kinds = convert_leaf(leaf, use)
    if rows is None:
        present = leaf.is_valid().to_numpy(zero_copy_only=False)
        return _Column(values, None, present, refused_values, kinds)
    refused: np.ndarray = np.zeros(size, bool)
    refused[rows[refused_values]] = True
    return _Column(values, rows, present, refused, kinds, null_items)


def _descend(
    array: pa.Array, parts: tuple[str, ...], size: int
) -> tuple[pa.Array, np.ndarray | None, np.ndarray, int]:
    """Walks from a top-level column to the leaf, flattening arrays and tracking their rows."""
    rows: np.ndarray | None = None
    present: np.ndarray = np.ones(size, bool)
    null_lists = 0
    remaining = list(parts)
    while True:
        if pa.types.is_list(array.type):
            if rows is None:
                present = array.is_valid().to_numpy(zero_copy_only=False)
            else:
                null_lists += array.null_count
            owners = pc.list_parent_indices(array).to_numpy(zero_copy_only=False)
            rows = owners if rows is None else rows[owners]
            # Arrow's own flatten gives too few items where all of them are null.
            array = pa.nulls(len(owners)) if pa.types.is_null(array.type.value_type) else array.flatten()
        elif remaining and pa.types.is_struct(array.type):
            array = pc.struct_field(array, remaining.pop(0))
        else:
            break
    if remaining:  # no sampled row has a document here, and Arrow checked the others
        array = pa.nulls(len(array))
    return array, rows, present, null_lists


def _finish(
    documents: list[bytes],
    good: list[int],
    columns: _Columns,
    plan: Plan,
    tally: Tally,
    apart: _Apart,
) -> Rows:
    ids = columns.identity.values.to_pylist()
    id_keys = keys = _key_texts(columns.identity)
    if columns.key is not columns.identity:
        keys = [
            id_key if key is None else key
            for key, id_key in zip(_key_texts(columns.key), id_keys, strict=True)
        ]
        tally[count.KEY_FALLBACK] += columns.key.values.null_count
    arrays = {}
    for number, column in enumerate(plan.columns):
        if number in apart.values:
            array = convert_column(apart.values[number], column, tally)
        else:
            array = _counted(columns.planned[number], column, tally)
        if array is not None:
            arrays[column.feature] = array
    _count_absent(documents, good, columns.planned, plan, tally, apart.documents)
    return Rows(ids, keys, arrays)


def _counted(converted: _Column, column: Column, tally: Tally) -> pa.Array | None:
    """Returns the rows of a column, None if it has no type yet, and counts its values."""
    for kind, times in converted.kinds.items():
        tally[count.kind(column.feature, kind)] += times
    if column.type in ("date", "objectid_time") and "string" in converted.kinds:
        tally[count.field(column.feature, "read from text")] += converted.kinds["string"]
    if column.type == "date" and converted.kinds.keys() & {"int", "float", "number"}:
        sizes = np.abs(converted.values.fill_null(0).to_numpy(zero_copy_only=False))
        like_seconds = np.count_nonzero((sizes >= SECONDS_FROM) & (sizes < SECONDS_TO))
        tally[count.field(column.feature, count.LIKE_SECONDS)] += int(like_seconds)
    array = _rows_of(converted, column, tally)
    return None if column.type is None else array


def _key_texts(column: _Column) -> list[Any]:
    """Returns the keys of a column, None for null; only strings may have other forms."""
    return canonical_texts(column.values) if "string" in column.kinds else column.values.to_pylist()


def _rows_of(converted: _Column, column: Column, tally: Tally) -> pa.Array:
    values = converted.values
    valid = values.is_valid().to_numpy(zero_copy_only=False)
    if converted.rows is None:
        lengths: np.ndarray = converted.present.astype(np.int32)
    else:
        lengths = np.bincount(converted.rows[valid], minlength=len(converted.present)).astype(np.int32)
        tally[count.field(column.feature, "arrays")] += int(converted.present.sum())
        tally[count.field(column.feature, "null items")] += int((~valid).sum()) + converted.null_items
        tally[count.field(column.feature, "empty")] += int((converted.present & (lengths == 0)).sum())
    values = values.drop_null()
    if column.type == "float":
        doubles = values.to_numpy(zero_copy_only=False)
        tally[count.field(column.feature, "rounded by float32")] += rounded_by_float32(doubles)
        values = pa.array(doubles.astype(np.float32))
    return list_array(values, lengths, converted.present)


def _count_absent(
    documents: list[bytes],
    good: list[int],
    columns: Mapping[int, _Column],
    plan: Plan,
    tally: Tally,
    known: Sequence[dict[str, Any]],
) -> None:
    """Counts missing and null separately; Arrow does not tell them apart, so documents with a null are parsed again.

    Args:
        documents: Raw documents of the block.
        good: Index of each row's document.
        columns: Number of a column → the column.
        plan: What is taken.
        tally: Counts are added here.
        known: The parsed documents, if they had to be parsed anyway.
    """
    absent = [
        (plan.columns[number], np.flatnonzero(~converted.present)) for number, converted in columns.items()
    ]
    absent = [(column, rows) for column, rows in absent if len(rows)]
    any_absent = np.unique(np.concatenate([rows for _, rows in absent])).tolist() if absent else []
    suspects = [row for row in any_absent if b"null" in documents[good[row]]]
    parsed = {row: known[row] if known else extended_json.parse(documents[good[row]]) for row in suspects}
    for column, rows in absent:
        parts = column.parts
        nulls = sum(
            1
            for row in rows.tolist()
            if row in parsed and value_at(parsed[row], parts, wrapped=False) is not MISSING
        )
        tally[count.field(column.feature, "null")] += nulls
        tally[count.field(column.feature, "missing")] += len(rows) - nulls
