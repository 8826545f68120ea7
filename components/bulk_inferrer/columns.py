"""The column ``_id`` of predictions in Parquet: in its own type where all ids are of one, else as Extended JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa

from components.exports.extended_json import decode_value
from components.exports.fields import ID
from components.exports.identity import WITHOUT

ID_TYPE = "_id_type"
"""Column with the name of each id's type, where it does not follow from the column ``_id``."""
EXTENDED_JSON = "extended json"
HASH = "hash"

Column = tuple[pa.DataType, Callable[[Any], Any]]

_OWN: dict[str, Column] = {
    "string": (pa.string(), str),
    "objectId": (pa.string(), str),
    "uuid": (pa.string(), lambda value: str(value.as_uuid())),
    "int": (pa.int64(), int),
    "long": (pa.int64(), int),
    "double": (pa.float64(), float),
    "bool": (pa.bool_(), bool),
    "date": (pa.timestamp("ms", "UTC"), int),
    "binary 0": (pa.binary(), bytes),
}
"""Type of the ids → Parquet type of their column, and its value for an id; other types have no counterpart."""


def id_form(types: Mapping[str, int], hashed: bool) -> str:
    """Returns what the column ``_id`` holds: ``hash``, ``extended json``, or ids of the one type that is named.

    Args:
        types: Type → ids of that type.
        hashed: Whether ids are hashed.
    """
    if hashed:
        return HASH
    given = {kind for kind, times in types.items() if times and kind != WITHOUT}
    if given <= {"int", "long"} and given:
        return "long" if "long" in given else "int"
    return next(iter(given)) if len(given) == 1 and given <= set(_OWN) else EXTENDED_JSON


def id_column(table: pa.Table, types: Mapping[str, int], hashed: bool) -> pa.Table:
    """Returns a table of predictions with its ids in their own type; where they have none in common, with their types.

    Args:
        table: Ids as Extended JSON in ``_id``, their types in ``_id_type``, and the model's outputs.
        types: Type → ids of that type, in all tables.
        hashed: Whether ids are hashed.
    """
    form = id_form(types, hashed)
    if form == EXTENDED_JSON:
        return table
    kind, read = _OWN["string" if hashed else form]
    ids = [None if text is None else read(decode_value(json.loads(text))) for text in table[ID].to_pylist()]
    place = table.schema.get_field_index(ID)
    field = pa.field(ID, kind, metadata={"type": form})
    typed = table.set_column(place, field, pa.array(ids, kind))
    return typed if hashed else typed.drop_columns([ID_TYPE])
