"""Asks the server for one document with the filter, and one with the fields, before anything is planned."""

from __future__ import annotations

from typing import Any

from pymongo.errors import OperationFailure

from foundation.errors import SpecError, StorageError
from pipeline.export.connect import redacted
from pipeline.export.ranges import both
from pipeline.export.settings import ExportSettings

_MILLISECONDS = 2000
"""A filter without an index may search for long; by then it has been parsed."""
_EXPIRED = 50
_DENIED = frozenset({13, 18, 8000})
"""Unauthorized, AuthenticationFailed, and Atlas' own for both."""
_ANY_ID = {"_id": {"$exists": True}}
"""Stands for a range's bounds, so that the query has the shape of those that follow."""


def probe(collection: Any, settings: ExportSettings, uri: str) -> None:
    """Asks once with the filter and once with the fields.

    Args:
        collection: A pymongo collection.
        settings: The export.
        uri: The connection string, which is kept out of messages.

    Raises:
        SpecError: The server refuses the filter or the fields.
        StorageError: It denies access.
        PyMongoError: It fails in another way.
    """
    _ask(collection, both(_ANY_ID, settings.filter), None, "--filter", uri)
    if settings.projection:
        _ask(collection, _ANY_ID, settings.projected(), "--fields", uri)


def _ask(collection: Any, condition: dict[str, Any], fields: Any, option: str, uri: str) -> None:
    cursor = collection.find(condition, fields).sort("_id", 1).limit(1).max_time_ms(_MILLISECONDS)
    try:
        next(iter(cursor), None)
    except OperationFailure as error:
        if error.code == _EXPIRED or _passes_by_itself(error):
            return
        raise _refusal(error, collection, option, uri) from None  # its text may hold the connection string


def _passes_by_itself(error: OperationFailure) -> bool:
    """Tells whether the reader, which waits and asks again, is the one to deal with an error."""
    labels = ("RetryableError", "RetryableReadError", "TransientTransactionError")
    return any(error.has_error_label(label) for label in labels)


def _refusal(error: OperationFailure, collection: Any, option: str, uri: str) -> Exception:
    seen = redacted(str(error), uri).split(", full error", 1)[0][:300]
    if error.code in _DENIED:
        return StorageError(
            f"collection {collection.full_name}",
            expected="a user that may read it",
            seen=seen,
            remedy="give the user the role read on the database",
        )
    what = "a filter" if option == "--filter" else "fields"
    return SpecError(
        option,
        expected=f"{what} that the server understands",
        seen=seen,
        remedy="correct it; nothing was written",
    )
