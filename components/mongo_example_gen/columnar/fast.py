"""JSON lines at columnar speed: Arrow parses a whole block and its columns become features.

Only documents whose wanted values all clearly have the right kind are converted here. The caller converts all others
(broken, mixed, misfit) one by one.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from components.exports import extended_json
from components.exports import tally as count
from components.exports.arrow import list_array
from components.exports.coerce import SECONDS_FROM, SECONDS_TO
from components.exports.documents import MISSING, value_at
from components.exports.tally import Tally
from components.mongo_example_gen.columnar.leaves import RefusedError, canonical_texts, convert_leaf
from components.mongo_example_gen.columnar.rows import Rows, rounded_by_float32
from components.mongo_example_gen.columnar.shapes import KEY, Node, arrow_schema, wanted_tree
from components.mongo_example_gen.plan import ID, Column, Plan

SAMPLE_DOCUMENTS = 48
TRIED_DOCUMENTS = 128
SEGMENT = 128
SMALLEST_SEGMENT = 16
_ROW = re.compile(r"in row (\d+)$")
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


def convert_lines(documents: list[bytes], plan: Plan, tally: Tally) -> tuple[Rows | None, list[int]]:
    """Converts the documents that can be converted as columns.

    Args:
        documents: Raw JSON documents, each on one line or not.
        plan: What to take; types are settled.
        tally: Counts of the converted documents are added here.

    Returns:
        The rows, if any, and the indexes of the documents that are left to be converted one by one.
    """
    tree = wanted_tree(plan)
    good = _candidates(documents)
    if tree is None or not good:
        return None, [i for i, document in enumerate(documents) if document.strip()]
    blank = (
        {i for i, document in enumerate(documents) if not document.strip()}
        if len(good) < len(documents)
        else set()
    )
    schema = _fitting_schema(documents, good, tree)
    for _ in range(3):
        good, table = _parse(documents, good, schema)
        if table is None:
            break
        try:
            columns = _convert_columns(table, plan)
        except RefusedError:
            break
        refused = np.logical_or.reduce([column.refused for column in columns])
        if not refused.any():
            rows = _finish(documents, good, columns, plan, tally)
            kept = set(good)
            return rows, [i for i in range(len(documents)) if i not in kept and i not in blank]
        good = [i for i, out in zip(good, refused, strict=True) if not out]
        if not good:
            break
    return None, [i for i in range(len(documents)) if i not in blank]


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
    for _ in range(3):
        if not len(good):
            break
        try:
            columns = _convert_columns(table.combine_chunks(), plan)
        except RefusedError:
            break
        refused = np.logical_or.reduce([column.refused for column in columns])
        if not refused.any():
            rows = _finish([b""] * size, good.tolist(), columns, plan, tally)
            return rows, np.setdiff1d(np.arange(size), good).tolist()
        table, good = table.filter(pa.array(~refused)), good[~refused]
    return None, list(range(size))


def _fitting_schema(documents: list[bytes], good: list[int], tree: Node) -> pa.Schema:
    """Returns the schema of a sample; if it rejects many documents, these are sampled too."""
    samples = _samples(documents, good)
    schema = arrow_schema(tree, samples)
    tried = good[:TRIED_DOCUMENTS]
    accepted = set(_parse(documents, tried, schema)[0])
    if len(accepted) * 4 >= len(tried) * 3:
        return schema
    return arrow_schema(tree, samples + _samples(documents, [i for i in tried if i not in accepted]))


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


def _samples(documents: list[bytes], good: list[int]) -> list[dict[str, object]]:
    samples = []
    # Random, not every n-th: exports can be periodic, and a stride would see one phase only.
    for index in random.Random(0).sample(good, min(SAMPLE_DOCUMENTS, len(good))):
        try:
            samples.append(extended_json.parse(documents[index]))
        except extended_json.ExtendedJsonError:
            continue  # Arrow will reject it by row number
    return samples


def _parse(documents: list[bytes], good: list[int], schema: pa.Schema) -> tuple[list[int], pa.Table | None]:
    """Parses documents, skipping those that Arrow rejects; returns the parsed indexes and the table."""
    whole, _ = _try(documents, good, schema)
    if whole is not None:
        return good, whole
    budget = 16 + len(good) // 5
    pending = [(low, min(low + SEGMENT, len(good))) for low in range(0, len(good), SEGMENT)]
    accepted: list[int] = []
    while pending and budget:
        low, high = pending.pop()
        budget -= 1
        table, row = _try(documents, good[low:high], schema)
        if table is not None:
            accepted += good[low:high]
        elif row is not None:
            accepted += good[low : low + row]
            pending += [(low + row + 1, high)] if low + row + 1 < high else []
        elif high - low > SMALLEST_SEGMENT:  # a number that does not fit: Arrow does not say in which row
            middle = (low + high) // 2
            pending += [(low, middle), (middle, high)]
    accepted.sort()
    return accepted, (_try(documents, accepted, schema)[0] if accepted else None)


def _try(documents: list[bytes], which: list[int], schema: pa.Schema) -> tuple[pa.Table | None, int | None]:
    data = b"\n".join(documents if len(which) == len(documents) else [documents[i] for i in which])
    try:
        table = pyarrow.json.read_json(
            pa.BufferReader(data),
            read_options=pyarrow.json.ReadOptions(use_threads=False, block_size=len(data) + 64),
            parse_options=pyarrow.json.ParseOptions(
                explicit_schema=schema,
                unexpected_field_behavior="ignore",
                newlines_in_values=b"\n" in documents[0],
            ),
        )
    except pa.ArrowInvalid as error:
        row = _ROW.search(str(error))
        return None, int(row[1]) if row and int(row[1]) < len(which) else None
    if table.num_rows != len(which):
        return None, None
    return table.combine_chunks(), None


def _convert_columns(table: pa.Table, plan: Plan) -> list[_Column]:
    """Returns the columns of id, split key and plan, in this order.

    Raises:
        RefusedError: A column cannot be converted at once.
    """
    arrays = {name: _only_chunk(table, name) for name in table.column_names}
    columns = [_required_id(_convert(arrays, (ID,), KEY, table.num_rows))]
    by = tuple(plan.split_by.split("."))
    columns.append(columns[0] if by == (ID,) else _one_key(_convert(arrays, by, KEY, table.num_rows)))
    for column in plan.columns:
        columns.append(_convert(arrays, column.parts, column.type or "string", table.num_rows))
    return columns


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
    documents: list[bytes], good: list[int], columns: list[_Column], plan: Plan, tally: Tally
) -> Rows:
    ids = columns[0].values.to_pylist()
    id_keys = keys = _key_texts(columns[0])
    if columns[1] is not columns[0]:
        keys = [
            id_key if key is None else key
            for key, id_key in zip(_key_texts(columns[1]), id_keys, strict=True)
        ]
        tally[count.KEY_FALLBACK] += columns[1].values.null_count
    arrays = {}
    for column, converted in zip(plan.columns, columns[2:], strict=True):
        for kind, times in converted.kinds.items():
            tally[count.kind(column.feature, kind)] += times
        if column.type in ("date", "objectid_time") and "string" in converted.kinds:
            tally[count.field(column.feature, "read from text")] += converted.kinds["string"]
        if column.type == "date" and converted.kinds.keys() & {"int", "float", "number"}:
            sizes = np.abs(converted.values.fill_null(0).to_numpy(zero_copy_only=False))
            like_seconds = np.count_nonzero((sizes >= SECONDS_FROM) & (sizes < SECONDS_TO))
            tally[count.field(column.feature, count.LIKE_SECONDS)] += int(like_seconds)
        array = _rows_of(converted, column, tally)
        if column.type is not None:
            arrays[column.feature] = array
    _count_absent(documents, good, columns[2:], plan, tally)
    return Rows(ids, keys, arrays)


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
    documents: list[bytes], good: list[int], columns: list[_Column], plan: Plan, tally: Tally
) -> None:
    """Counts missing and null separately; Arrow does not tell them apart, so documents with a null are parsed again."""
    absent = [
        (column, np.flatnonzero(~converted.present))
        for column, converted in zip(plan.columns, columns, strict=True)
    ]
    absent = [(column, rows) for column, rows in absent if len(rows)]
    suspects = {row for _, rows in absent for row in rows.tolist() if b"null" in documents[good[row]]}
    parsed = {row: extended_json.parse(documents[good[row]]) for row in suspects}
    for column, rows in absent:
        parts = column.parts
        nulls = sum(
            1
            for row in rows.tolist()
            if row in parsed and value_at(parsed[row], parts, wrapped=False) is not MISSING
        )
        tally[count.field(column.feature, "null")] += nulls
        tally[count.field(column.feature, "missing")] += len(rows) - nulls
