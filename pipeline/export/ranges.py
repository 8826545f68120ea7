"""Cuts a collection into ranges of ``_id``, with only filters and sorted finds, which secondaries allow.

MongoDB only compares values of the same kind: ``{$gt: 5}`` finds no text. So each kind of ``_id`` is cut separately.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bson import json_util
from bson.binary import UuidRepresentation
from bson.codec_options import DatetimeConversion
from pymongo.errors import OperationFailure

KINDS = (
    "minKey", "null", "number", "string", "object", "binData", "objectId", "bool", "date", "timestamp", "maxKey",
)  # fmt: skip
"""Kinds of ``_id``, in MongoDB's order."""
_ALONE = frozenset({"minKey", "null", "maxKey"})
"""Kinds with only one value."""
_BAD_VALUE = 2
CANONICAL = json_util.CANONICAL_JSON_OPTIONS.with_options(uuid_representation=UuidRepresentation.UNSPECIFIED)


@dataclass(frozen=True)
class IdRange:
    """Documents from ``low`` (included) to ``high`` (excluded); without a bound, to the end of the kind."""

    index: int
    kind: str
    low: tuple[Any, ...] = ()
    """Nothing, or one value."""
    high: tuple[Any, ...] = ()

    def condition(self, after: tuple[Any, ...] = ()) -> dict[str, Any] | None:
        """Returns the filter for the range, or for what follows one of its ids; None if nothing can follow."""
        if after and (self.kind in _ALONE or _is_nan(self.low)):
            return None
        if _is_nan(self.low):
            return {"_id": self.low[0]}
        bounds: dict[str, Any] = {}
        if after:
            bounds["$gt"] = after[0]
        elif self.low:
            bounds["$gte"] = self.low[0]
        if self.high:
            bounds["$lt"] = self.high[0]
        return {"_id": bounds or {"$type": self.kind}}

    def to_json(self) -> dict[str, Any]:
        """Returns the range as JSON."""
        return {"index": self.index, "kind": self.kind, "low": written(self.low), "high": written(self.high)}

    @staticmethod
    def from_json(value: dict[str, Any]) -> IdRange:
        """Parses the output of ``to_json``."""
        return IdRange(value["index"], value["kind"], read(value["low"]), read(value["high"]))


def written(bound: tuple[Any, ...]) -> str | None:
    """Returns nothing or one value as canonical Extended JSON."""
    return json_util.dumps({"v": bound[0]}, json_options=CANONICAL) if bound else None


def read(text: str | None) -> tuple[Any, ...]:
    """Parses the output of ``written``."""
    options = CANONICAL.with_options(datetime_conversion=DatetimeConversion.DATETIME_MS)
    return (json_util.loads(text, json_options=options)["v"],) if text else ()


def both(*conditions: dict[str, Any] | None) -> dict[str, Any]:
    """Returns a filter for all the conditions."""
    given = [condition for condition in conditions if condition]
    return {"$and": given} if len(given) > 1 else given[0] if given else {}


def kinds_there(collection: Any, session: Any = None) -> list[str]:
    """Returns the kinds of ``_id`` that a collection has."""
    return [kind for kind in KINDS if _has(collection, kind, session)]


def _has(collection: Any, kind: str, session: Any) -> bool:
    try:
        return bool(_first(collection, {"_id": {"$type": kind}}, session=session))
    except OperationFailure as error:
        if error.code == _BAD_VALUE:
            return False  # a server that does not know a type has no values of it
        raise


def cut(collection: Any, window: dict[str, Any] | None, step: int, session: Any = None) -> list[IdRange]:
    """Cuts a collection into ranges of about ``step`` documents, in one pass over the ``_id`` index.

    Args:
        collection: A pymongo collection.
        window: The limits of an incremental export by ``_id``.
        step: Documents per range.
        session: The snapshot to read, if any.
    """
    found = [
        bounds
        for kind in kinds_there(collection, session)
        for bounds in _cut_kind(collection, kind, window, step, session)
    ]
    return [IdRange(index, kind, low, high) for index, (kind, low, high) in enumerate(found)]


Bounds = tuple[str, tuple[Any, ...], tuple[Any, ...]]


def _cut_kind(collection: Any, kind: str, window: Any, step: int, session: Any) -> Iterator[Bounds]:
    first = _first(collection, both({"_id": {"$type": kind}}, window), session=session)
    low: tuple[Any, ...] = ()
    if _is_nan(first):  # NaN is the lowest number, and no comparison matches it
        yield kind, first, ()
        low = (-math.inf,)
        first = _first(collection, both({"_id": {"$gte": -math.inf}}, window), session=session)
    if not first:
        return
    while kind not in _ALONE:
        bound = _first(collection, both({"_id": {"$gte": first[0]}}, window), skip=step, session=session)
        if not bound:
            break
        yield kind, low, bound
        first = low = bound
    yield kind, low, ()


def _first(collection: Any, condition: dict[str, Any], skip: int = 0, session: Any = None) -> tuple[Any, ...]:
    """Returns the lowest id that matches, after skipping some; or nothing."""
    cursor = collection.find(condition, {"_id": 1}, session=session).sort("_id", 1).skip(skip).limit(1)
    return tuple(document["_id"] for document in cursor)


def _is_nan(value: tuple[Any, ...]) -> bool:
    return bool(value) and isinstance(value[0], float) and math.isnan(value[0])
