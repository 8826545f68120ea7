"""What an incremental export reads: everything after the end of the last one, up to a little before now."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from foundation.errors import DataError
from pipeline.export.ranges import kinds_there, read, written


@dataclass(frozen=True)
class Window:
    """Values of one field from ``since`` (excluded) to ``until`` (included)."""

    field: str
    since: tuple[Any, ...]
    """Nothing, or one value; nothing: from the beginning."""
    until: tuple[Any, ...]

    def condition(self) -> dict[str, Any]:
        """Returns the filter; the first window includes documents without the field, which no other would."""
        if self.since:
            return {self.field: {"$gt": self.since[0], "$lte": self.until[0]}}
        if self.field == "_id":
            return {"_id": {"$lte": self.until[0]}}
        return {self.field: {"$not": {"$gt": self.until[0]}}}

    def to_json(self) -> dict[str, Any]:
        """Returns the window as JSON."""
        return {"field": self.field, "since": written(self.since), "until": written(self.until)}

    @staticmethod
    def from_json(value: dict[str, Any]) -> Window:
        """Parses the output of ``to_json``."""
        return Window(value["field"], read(value["since"]), read(value["until"]))


def next_window(
    collection: Any, field: str, last: Window | None, now: datetime.datetime, settle_seconds: float
) -> Window | None:
    """Returns the window after the last one, or None if it would be empty.

    Applications create ObjectIds and dates, so one may be written up to ``settle_seconds`` after the time it holds;
    it is still found, as windows end that long before now.

    Raises:
        DataError: The ``_id`` does not increase with time, or no document has a date in the field.
    """
    end = now - datetime.timedelta(seconds=settle_seconds)
    since = last.until if last else ()
    if field != "_id":
        _check_dates(collection, field)
        return Window(field, since, (end,))
    kinds = kinds_there(collection)
    if kinds == ["objectId"]:
        return Window(field, since, (ObjectId.from_datetime(end),))
    if kinds == ["number"]:
        highest = next(iter(collection.find({}, {"_id": 1}).sort("_id", -1).limit(1)))["_id"]
        return Window(field, since, (highest,))
    if not kinds:
        return None
    raise DataError(
        "incremental by _id",
        expected="ids that increase with time: ObjectIds or numbers",
        seen=", ".join(kinds),
        remedy="give the field with the date of the last change: --incremental updatedAt",
    )


def _check_dates(collection: Any, field: str) -> None:
    if next(iter(collection.find({field: {"$type": "date"}}, {"_id": 1}).limit(1)), None) is None:
        raise DataError(
            f"incremental by {field}",
            expected="documents with a date there",
            seen="none",
            remedy="give the field with the date of the last change",
        )
