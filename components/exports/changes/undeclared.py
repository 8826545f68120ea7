"""Refuses changes of documents in an export that is read as documents: a deleted one would come back as a row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from components.exports.changes.events import DELETED, OPERATION, is_flattened
from components.exports.formats import FORMATS
from components.exports.formats.base import BadDocumentError, Block, Part
from foundation.errors import DataError

_MARKS = (DELETED, OPERATION)
_BYTES = tuple(mark.encode() for mark in _MARKS)


def refuse_changes(block: Block, part: Part) -> None:
    """Checks that no document of a block is a change of one.

    Raises:
        DataError: One is.
    """
    if any(map(is_flattened, _suspects(block, part))):
        raise DataError(
            f"export file {part.name}",
            expected="documents, or data.changes where the files hold changes of documents",
            seen=f"changes as Debezium flattens them, with {DELETED} or {OPERATION}",
            remedy="add 'changes: {}' under data: they are folded to the last state, and deleted documents left out",
        )


def _suspects(block: Block, part: Part) -> Iterable[dict[str, Any]]:
    """Yields the documents of a block that hold the name of such a field somewhere; a search in their bytes is cheap."""
    form = FORMATS[part.format.kind]
    columns = block.header or getattr(getattr(block.documents, "table", None), "column_names", None)
    if columns is not None:
        documents = block.documents if set(columns) & set(_MARKS) else ()
    else:
        documents = [raw for raw in block.documents if _BYTES[0] in raw or _BYTES[1] in raw]
    if not documents:
        return
    parse, _ = form.decoder(block)
    for raw in documents:
        try:
            yield parse(raw)
        except BadDocumentError:
            continue  # counted where it is read
