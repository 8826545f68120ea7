"""The ``_id`` of a document as Extended JSON from which the same ``_id`` can be read again, and the name of its type.

JSON exports give the ``_id`` as they write it. From BSON and Parquet it is written in the relaxed form where that keeps the
type, else in the canonical form: an int64 is ``{"$numberLong": "5"}``, as a plain ``5`` is an int32.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp, json_util
from bson.datetime_ms import DatetimeMS
from bson.dbref import DBRef

from components.exports.documents import MISSING, from_json
from components.exports.extended_json import decode_value
from components.exports.fields import ID
from components.exports.formats import FORMATS
from components.exports.formats.base import Block

ID_FEATURE, TYPE_FEATURE = "_id.json", "_id.type"
"""Features of documents to be predicted that hold ``Identity.json`` and ``Identity.type``."""
WITHOUT = "missing"
"""Type of a document's id where it has none."""
_LAST_ISO_DATE = 253402300799999
"""9999-12-31T23:59:59.999Z; relaxed Extended JSON has texts for dates from 1970 to here."""
_INT32 = 2**31

_TYPES: dict[type, str] = {
    str: "string",
    bool: "bool",
    float: "double",
    Int64: "long",
    ObjectId: "objectId",
    DatetimeMS: "date",
    Decimal128: "decimal",
    Timestamp: "timestamp",
    Regex: "regex",
    Code: "javascript",
    MinKey: "minKey",
    MaxKey: "maxKey",
    DBRef: "object",
    dict: "object",
    list: "array",
    type(None): "null",
}


@dataclass(frozen=True)
class Identity:
    """The ``_id`` of one document."""

    json: str
    """It as Extended JSON; empty if the document has none."""
    type: str
    """Name of its BSON type, ``missing`` without one; ``uuid`` and ``binary 5`` name the subtype of binary data."""
    plain: str
    """Its text for hashing: of text, numbers, ObjectIds and UUIDs their own, of others canonical Extended JSON."""


def identities(block: Block, kind: str, which: Iterable[int]) -> list[Identity]:
    """Returns the ``_id`` of some documents of a block.

    Args:
        block: Raw documents, which the format's decoder accepts.
        kind: Their format.
        which: Indexes of the documents.
    """
    form = FORMATS[kind]
    if form.encoding == "table":
        return _of_table(block, which)
    parse, wrapped = form.decoder(block)
    found = (parse(block.documents[i]).get(ID, MISSING) for i in which)
    return [identity(value, wrapped) for value in found]


def _of_table(block: Block, which: Iterable[int]) -> list[Identity]:
    from components.exports.parquet_rows import ParquetRows

    table = block.documents.table  # type: ignore[attr-defined]
    ids = ParquetRows(table.select([ID] if ID in table.column_names else []))
    values = (from_json(ids[i]).get(ID, MISSING) for i in which)
    # Parquet has types, so the JSON of its rows is our own spelling, not the export's.
    return [identity(value if value is MISSING else decode_value(value), False) for value in values]


def identity(value: Any, wrapped: bool) -> Identity:
    """Returns an ``_id`` as it is written beside predictions.

    Args:
        value: The ``_id``, or ``MISSING``.
        wrapped: Whether it is still Extended JSON, whose spelling is kept.
    """
    if value is MISSING:
        return Identity("", WITHOUT, "")
    if type(value) is str:
        return Identity(_dumps(value), "string", value)
    known = decode_value(value) if wrapped else value
    name = type_name(known)
    return Identity(_dumps(value if wrapped else _relaxed(known)), name, _plain(known, name))


def type_name(value: Any) -> str:
    """Returns the name of a value's BSON type."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (bytes, Binary)):
        subtype = getattr(value, "subtype", 0)
        return "uuid" if subtype == 4 and len(value) == 16 else f"binary {subtype}"
    if type(value) is int:
        return "int" if -_INT32 <= value < _INT32 else "long"
    return _TYPES[type(value)]


def _plain(value: Any, name: str) -> str:
    if name in ("int", "long", "date"):
        return str(int(value))
    if name == "bool":
        return "true" if value else "false"
    if name == "uuid":
        return str(value.as_uuid())
    if name in ("string", "objectId"):
        return str(value)
    return json_util.dumps(value, json_options=json_util.CANONICAL_JSON_OPTIONS)


def _relaxed(value: Any) -> Any:
    """Returns the JSON of a BSON value: relaxed where that keeps its type, else canonical."""
    if value is None or (isinstance(value, (bool, str)) and not isinstance(value, Code)):
        return value
    if isinstance(value, dict):
        return {name: _relaxed(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_relaxed(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else {"$numberDouble": _not_finite(value)}
    if type(value) is int and -_INT32 <= value < _INT32:
        return value
    if isinstance(value, int):
        return {"$numberLong": str(int(value))}
    if isinstance(value, DatetimeMS) and 0 <= int(value) <= _LAST_ISO_DATE:
        text = value.as_datetime().isoformat(timespec="milliseconds")
        return {"$date": text.partition("+")[0] + "Z"}
    return json.loads(json_util.dumps(value, json_options=json_util.CANONICAL_JSON_OPTIONS))


def _not_finite(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _dumps(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError:  # a number beyond a double, such as 1e400
        return json.dumps(_relaxed(value), ensure_ascii=False, separators=(",", ":"))
