"""Converts whole Arrow columns of JSON leaves to the field's type.

Each function returns the converted array and the refused values, whose documents are converted one by one, so both
paths agree by construction.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.exports.coerce import FLOAT32_ZERO
from components.exports.keys import SEVERAL_FORMS, canonical_text
from components.exports.texts import EXACT_IN_DOUBLE, INT64_MIN
from components.mongo_example_gen.columnar.shapes import KEY

Converted = tuple[pa.Array, np.ndarray]
"""The array in the type's own Arrow type, nulls kept, and which values are refused, bool [values]."""

_DATE = r"^[12]\d{3}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,3})?Z$"
_INT = r"^-?\d{1,18}$"
_DOUBLE = r"^-?\d+(\.\d+)?([eE][+-]?\d+)?$"
_OID = r"^[0-9a-fA-F]{24}$"
_INT32 = 2**31


class RefusedError(ValueError):
    """The column cannot be converted as a whole."""


def convert_leaf(array: pa.Array, use: str) -> tuple[pa.Array, np.ndarray, dict[str, int]]:
    """Converts a column of leaves for one use.

    Args:
        array: Leaves as Arrow parsed them under the block's schema.
        use: A field type, or ``key``.

    Returns:
        The converted array, refused values, and how many values of which kind were seen.

    Raises:
        RefusedError: The shape is not converted at once for this use.
    """
    if pa.types.is_null(array.type):
        return array.cast(_target(use)), np.zeros(len(array), bool), {}
    try:
        plain, refused, kinds = _plain(array)
        converted, more = _USES[use](plain)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, KeyError) as error:
        raise RefusedError(use) from error
    return converted, refused | more, kinds


def _target(use: str) -> pa.DataType:
    if use in ("string", "bytes"):
        return pa.large_binary()
    return {"float": pa.float64(), KEY: pa.string()}.get(use, pa.int64())


def _plain(array: pa.Array) -> tuple[pa.Array, np.ndarray, dict[str, int]]:
    """Unwraps values; returns the inner array, which wrappers are incomplete, and the kinds seen."""
    nothing: np.ndarray = np.zeros(len(array), bool)
    seen = len(array) - array.null_count
    if not pa.types.is_struct(array.type):
        return array, nothing, {_kind(array.type): seen}
    names = [array.type.field(i).name for i in range(array.type.num_fields)]
    if names == ["$oid"]:
        text = pc.struct_field(array, [0])
        refused = _valid(array) & ~_matches(text, _OID)
        return pc.utf8_lower(text), refused, {"objectid": seen}
    if names == ["$date"]:
        inner = pc.struct_field(array, [0])
        millis, refused = _date_millis(inner)
        return millis.cast(pa.timestamp("ms")), refused | (_valid(array) & ~_valid(millis)), {"date": seen}
    return _number_wrappers(array)


def _kind(kind: pa.DataType) -> str:
    return {pa.bool_(): "bool", pa.int64(): "int", pa.float64(): "number", pa.string(): "string"}[kind]


def _date_millis(inner: pa.Array) -> Converted:
    if pa.types.is_struct(inner.type):
        text = pc.struct_field(inner, [0])
        return _parse(text, _INT, pa.int64())
    if pa.types.is_string(inner.type):
        millis, refused = _parse(inner, _DATE, pa.timestamp("ms", "UTC"))
        return millis.cast(pa.int64()), refused
    return inner.cast(pa.int64()), np.zeros(len(inner), bool)


def _number_wrappers(array: pa.Array) -> tuple[pa.Array, np.ndarray, dict[str, int]]:
    ints, longs, doubles, decimals = (pc.struct_field(array, [i]) for i in range(4))
    counts = [len(part) - part.null_count for part in (ints, longs, doubles, decimals)]
    refused = _valid(decimals)
    whole, bad = _parse(pc.coalesce(ints, longs), _INT, pa.int64())
    refused |= bad
    if counts[0]:
        small = whole.fill_null(0).to_numpy(zero_copy_only=False)
        refused |= _valid(ints) & ((small < -_INT32) | (small >= _INT32))
    present = np.sum([_valid(part) for part in (ints, longs, doubles, decimals)], axis=0)
    refused |= _valid(array) & (present != 1)
    kinds = {"int": counts[0] + counts[1], "float": counts[2]}
    if not counts[2]:
        return whole, refused, kinds
    real, bad = _parse(doubles, _DOUBLE, pa.float64())
    return pc.coalesce(real, whole.cast(pa.float64(), safe=False)), refused | bad, kinds


def _parse(text: pa.Array, pattern: str, target: pa.DataType) -> Converted:
    """Casts matching texts; the others are refused and become null."""
    refused = _valid(text) & ~_matches(text, pattern)
    if refused.any():
        text = pc.if_else(pa.array(refused), pa.scalar(None, pa.string()), text)
    return text.cast(target), refused


def _matches(text: pa.Array, pattern: str) -> np.ndarray:
    return pc.match_substring_regex(text, pattern).fill_null(False).to_numpy(zero_copy_only=False)


def _valid(array: pa.Array) -> np.ndarray:
    return array.is_valid().to_numpy(zero_copy_only=False)


def _numbers(array: pa.Array) -> np.ndarray:
    return array.fill_null(0).to_numpy(zero_copy_only=False)


def _to_int(array: pa.Array) -> Converted:
    if pa.types.is_floating(array.type):
        doubles = _numbers(array)
        refused = ~(np.abs(doubles) < 2.0**53) | (np.trunc(doubles) != doubles)
        integers = pa.array(np.where(refused, 0, doubles).astype(np.int64), mask=~_valid(array))
        return integers, refused
    if pa.types.is_string(array.type):
        raise RefusedError("text")
    integers = array.cast(pa.int64())
    return integers, _numbers(integers) == INT64_MIN


def _to_float(array: pa.Array) -> Converted:
    if not (
        pa.types.is_floating(array.type) or pa.types.is_integer(array.type) or pa.types.is_boolean(array.type)
    ):
        raise RefusedError("no number")
    if pa.types.is_boolean(array.type):
        array = array.cast(pa.int64())
    doubles = array.cast(pa.float64(), safe=False)
    sizes = np.abs(_numbers(doubles))
    # Above 2**53 a double may be inexact: losses to float32 are counted one by one. Too small ones are misfits.
    return doubles, ~(sizes < EXACT_IN_DOUBLE) | ((sizes <= FLOAT32_ZERO) & (sizes > 0))


def _to_bool(array: pa.Array) -> Converted:
    if pa.types.is_boolean(array.type):
        return array.cast(pa.int64()), np.zeros(len(array), bool)
    if not pa.types.is_integer(array.type):
        raise RefusedError("no bool")
    return array, ~np.isin(_numbers(array), (0, 1))


def _to_date(array: pa.Array) -> Converted:
    if pa.types.is_string(array.type):
        millis, refused = _parse(array, _DATE, pa.timestamp("ms", "UTC"))
        return millis.cast(pa.int64()), refused
    if pa.types.is_boolean(array.type):
        raise RefusedError("no date")
    return _to_int(array)


def _to_objectid_time(array: pa.Array) -> Converted:
    if not pa.types.is_string(array.type):
        raise RefusedError("no ObjectId")
    refused = _valid(array) & ~_matches(array, _OID)
    whole = pc.if_else(pa.array(_valid(array) & ~refused), array, pa.scalar("0" * 24, pa.string()))
    first = pc.utf8_slice_codeunits(whole, 0, 8)
    seconds = [int(digits, 16) for digits in first.to_pylist()]
    return pa.array(np.array(seconds, np.int64) * 1000, mask=~_valid(array)), refused


def _to_text(array: pa.Array) -> Converted:
    if pa.types.is_floating(array.type):
        raise RefusedError("fractions are converted one by one")
    if pa.types.is_timestamp(array.type):
        array = array.cast(pa.int64())
    return array.cast(pa.string()), np.zeros(len(array), bool)


def _to_key(array: pa.Array) -> Converted:
    if not pa.types.is_floating(array.type):
        return _to_text(array)
    whole, refused = _to_int(
        array
    )  # whole doubles, as ``mongoexport`` writes numbers of JavaScript, have digits as key
    return whole.cast(pa.string()), refused


def canonical_texts(array: pa.Array) -> list[Any]:
    """Returns the key of each text of a column, None for null; only those that have other forms are looked at one by one."""
    texts: list[Any] = array.to_pylist()
    for place in np.flatnonzero(_matches(array, SEVERAL_FORMS)).tolist():
        texts[place] = canonical_text(texts[place])
    return texts


def _to_string(array: pa.Array) -> Converted:
    text, refused = _to_text(array)
    return text.cast(pa.large_binary()), refused


_USES = {
    "int": _to_int,
    "float": _to_float,
    "bool": _to_bool,
    "date": _to_date,
    "objectid_time": _to_objectid_time,
    "string": _to_string,
    "bytes": _to_string,
    KEY: _to_key,
}
