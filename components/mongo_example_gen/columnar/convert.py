"""A block of raw documents → rows, by the fast path where it can, one by one where it must."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from components.exports import tally as count
from components.exports.formats import FORMATS
from components.exports.formats.base import Block
from components.exports.tally import Tally
from components.mongo_example_gen.columnar.bson_columns import convert_bson
from components.mongo_example_gen.columnar.fast import convert_lines
from components.mongo_example_gen.columnar.fast_parquet import convert_columns
from components.mongo_example_gen.columnar.fitting import Shapes
from components.mongo_example_gen.columnar.rows import Rows
from components.mongo_example_gen.columnar.slow import convert_one_by_one
from components.mongo_example_gen.plan import Plan

COLUMNAR: dict[str, Callable[[Any, Plan, Tally, Shapes | None], tuple[Rows | None, list[int]]]] = {
    "json": convert_lines,
    "bson": lambda documents, plan, tally, shapes: convert_bson(documents, plan, tally),
    "table": lambda rows, plan, tally, shapes: convert_columns(rows.table, plan, tally),
}
"""Encoding of raw documents → conversion of whole columns; returns rows and the indexes left over."""


def convert_block(
    block: Block, kind: str, plan: Plan, tally: Tally, columnar: bool = True, shapes: Shapes | None = None
) -> tuple[list[Rows], list[tuple[int, str]]]:
    """Converts all documents of a block.

    Args:
        block: Raw documents.
        kind: Their format.
        plan: What to take; types are settled.
        tally: Counts are added here: read, quarantined by reason, and what is notable about values.
        columnar: False sends every document the slow way; results are the same.
        shapes: What is known from the blocks before of the same part or work item; this one's is added. One for each
            attempt at an item: which way a document takes decides its place among the rows.

    Returns:
        Rows, and index and reason of each bad document.
    """
    if not block.documents:
        _add_bytes(block, [], tally)
        return [], []
    encoding = FORMATS[kind].encoding
    convert = COLUMNAR.get(encoding) if columnar else None
    rows: list[Rows] = []
    if convert is not None:
        fast, rest = convert(block.documents, plan, tally, shapes)
        rows += [_placed(fast, block, kind, rest, plan)] if fast is not None else []
    else:
        rest = [i for i, document in enumerate(block.documents) if document.strip()]
    bad: list[tuple[int, str]] = []
    if rest:
        slow, bad = convert_one_by_one(block, rest, kind, plan, tally)
        if len(slow):
            wrong = {i for i, _ in bad}
            rows.append(replace(slow, places=[] if plan.labelled else [i for i in rest if i not in wrong]))
    tally[count.READ] += sum(map(len, rows)) + len(bad)
    has_bytes = encoding != "table"
    for index, reason in bad:
        count.add_bad(tally, block.documents[index] if has_bytes else None, reason)
    if has_bytes:
        _add_bytes(block, bad, tally)
    return rows, bad


def _add_bytes(block: Block, bad: list[tuple[int, str]], tally: Tally) -> None:
    """Counts the bytes of a block: of documents that could be read, and those between documents."""
    size = sum(len(document) for document in block.documents if document.strip())
    tally[count.BYTES_OF_DOCUMENTS] += size - sum(len(block.documents[index]) for index, _ in bad)
    if block.span is not None:
        tally[count.BYTES_READ] += block.span
        tally[count.BYTES_BETWEEN] += block.span - size


def _placed(rows: Rows, block: Block, kind: str, rest: list[int], plan: Plan) -> Rows:
    """Returns the rows with their places where the order matters: among documents to be predicted."""
    if plan.labelled:
        return rows
    left, lines = set(rest), FORMATS[kind].encoding == "json"
    places = [i for i in range(len(block.documents)) if i not in left]
    return replace(rows, places=[i for i in places if block.documents[i].strip()] if lines else places)
