"""BSON at columnar speed: a block is decoded by one call into C, and each path is taken from all documents at once.

What is found is converted by the same functions as documents one by one, so that both ways agree by construction.
"""

from __future__ import annotations

from typing import Any

import bson
from bson.errors import BSONError

from components.exports.documents import BSON_OPTIONS
from components.exports.formats.base import BadDocumentError
from components.exports.tally import Tally
from components.mongo_example_gen.columnar.paths import values_at
from components.mongo_example_gen.columnar.rows import Rows
from components.mongo_example_gen.columnar.slow import rows_of
from components.mongo_example_gen.plan import ID, Plan

SMALLEST_BATCH = 16


def convert_bson(documents: list[bytes], plan: Plan, tally: Tally) -> tuple[Rows | None, list[int]]:
    """Converts what can be decoded at once.

    Args:
        documents: Raw BSON documents.
        plan: What to take; types are settled.
        tally: Counts of the converted documents are added here.

    Returns:
        The rows, if any, and the indexes of the documents that are left to be looked at one by one.
    """
    rest: list[int] = []
    decoded = _decode(documents, 0, len(documents), rest)
    if not decoded:
        return None, rest
    left_out = set(rest)
    raws = [raw for i, raw in enumerate(documents) if i not in left_out] if rest else documents
    paths = [(ID,), tuple(plan.split_by.split(".")), *(column.parts for column in plan.columns)]
    try:
        ids, keys, *columns = values_at(decoded, paths, wrapped=False)
    except BadDocumentError:
        return None, list(range(len(documents)))  # one by one it shows which
    return rows_of(ids, keys, columns, raws, plan, tally, text=False), rest


def _decode(documents: list[bytes], low: int, high: int, rest: list[int]) -> list[dict[str, Any]]:
    """Decodes a range of documents; those around one that does not decode are noted in ``rest``."""
    try:
        found: list[dict[str, Any]] = bson.decode_all(b"".join(documents[low:high]), BSON_OPTIONS)
    except (BSONError, ValueError, TypeError, OverflowError, RecursionError):
        if high - low <= SMALLEST_BATCH:
            rest += range(low, high)  # one by one it shows which, and why
            return []
        middle = (low + high) // 2
        first = _decode(documents, low, middle, rest)
        return first + _decode(documents, middle, high, rest)
    return found
