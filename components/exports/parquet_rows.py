"""Reads Parquet (Atlas ``$out``, warehouses) in batches, normalised for the columnar path.

A field with several types is a struct of type names, such as ``{int, string}``; its rows are converted one by one, as
Extended JSON. Parquet does not tell missing from null, so both count as missing.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import IO, Any, overload

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from components.exports.arrow import list_array
from foundation.errors import DataError
from foundation.storage import Location

BATCH_ROWS = 4096
BSON_TYPE_NAMES = frozenset(
    [
        "double",
        "string",
        "object",
        "array",
        "binData",
        "objectId",
        "bool",
        "boolean",
        "date",
        "null",
        "regex",
        "undefined",
        "dbPointer",
        "javascript",
        "symbol",
        "int",
        "int32",
        "long",
        "int64",
        "timestamp",
        "decimal",
        "minKey",
        "maxKey",
        "binary",
        "document",
    ]
)
DATE = "$date"


class ParquetRows(Sequence[bytes]):
    """The rows of a batch as Extended JSON documents, written on demand."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def __len__(self) -> int:
        """Returns the number of rows."""
        return int(self.table.num_rows)

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        """Returns one row, or several."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        row = self._values[index]
        document = {field.name: _json(row[field.name], field.type) for field in self.table.schema}
        kept = {name: value for name, value in document.items() if value is not None}
        return json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode()

    @cached_property
    def _values(self) -> list[dict[str, Any]]:
        values: list[dict[str, Any]] = self.table.to_pylist()
        return values


def read_batches(
    stream: IO[bytes], path: Location, name: str, stripe: int, stripes: int
) -> Iterator[tuple[int, ParquetRows]]:
    """Yields the number of the first row and the rows of each batch, from every n-th row group.

    Raises:
        DataError: The file is damaged, or a column has a type without a MongoDB counterpart.
    """
    try:
        file = pq.ParquetFile(stream)
        first = 0
        for group in range(file.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            if group % stripes == stripe:
                place = first
                for batch in file.iter_batches(BATCH_ROWS, row_groups=[group]):
                    yield place, ParquetRows(_normalised_table(batch, name))
                    place += batch.num_rows
            first += rows
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"export file {path}",
            expected="a whole Parquet file",
            seen=str(error).split("\n")[0],
            remedy="export or copy the file again; nothing of it was used",
        ) from error


def _normalised_table(batch: pa.RecordBatch, file: str) -> pa.Table:
    arrays = [
        _normalised(column, f"column {name!r} of {file}")
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    ]
    return pa.table(arrays, names=batch.schema.names)


def _normalised(array: pa.Array, subject: str) -> pa.Array:
    """Returns the array in the few types that Arrow gives for Extended JSON, dates as ``{"$date": int64}``."""
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        return _normalised(array.storage, subject)
    if pa.types.is_dictionary(kind):
        return _normalised(array.dictionary_decode(), subject)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        millis = array.cast(pa.timestamp("ms", getattr(kind, "tz", None)), safe=False).cast(pa.int64())
        return pa.StructArray.from_arrays([millis], [DATE], mask=array.is_null())
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        lengths = pc.list_value_length(array).fill_null(0).to_numpy(zero_copy_only=False)
        present = array.is_valid().to_numpy(zero_copy_only=False)
        return list_array(_normalised(array.flatten(), subject), lengths, present)
    if pa.types.is_struct(kind):
        names = [kind.field(i).name for i in range(kind.num_fields)]
        children = [
            _normalised(pc.struct_field(array, [i]), f"{subject}, {name}") for i, name in enumerate(names)
        ]
        return pa.StructArray.from_arrays(children, names, mask=array.is_null())
    return _normalised_scalar(array, subject)


def _normalised_scalar(array: pa.Array, subject: str) -> pa.Array:
    kind = array.type
    if pa.types.is_integer(kind) and kind != pa.uint64():
        return array.cast(pa.int64())
    if pa.types.is_floating(kind):
        return array.cast(pa.float64())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return array.cast(pa.string())
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return array.cast(pa.binary())
    if (
        pa.types.is_boolean(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_null(kind)
        or kind == pa.uint64()
    ):
        return array
    raise DataError(
        subject,
        expected="numbers, text, bools, dates, binary, decimals, and lists and structs of them",
        seen=f"{kind}",
        remedy="cast the column where the file is written",
    )


def is_mixed(kind: pa.DataType) -> bool:
    """Returns whether a struct represents a field with several BSON types."""
    if not pa.types.is_struct(kind) or kind.num_fields < 2:
        return False
    return all(kind.field(i).name in BSON_TYPE_NAMES for i in range(kind.num_fields))


def is_date(kind: pa.DataType) -> bool:
    """Returns whether the type is a normalised date."""
    return pa.types.is_struct(kind) and kind.num_fields == 1 and kind.field(0).name == DATE


def _json(value: Any, kind: pa.DataType) -> Any:
    """Returns the Extended JSON of a value; None is missing, and stays null inside lists."""
    if value is None:
        return None
    if pa.types.is_list(kind):
        return [_json(item, kind.value_type) for item in value]
    if pa.types.is_struct(kind):
        fields = [(kind.field(i).name, kind.field(i).type) for i in range(kind.num_fields)]
        parts = {name: part for name, t in fields if (part := _json(value[name], t)) is not None}
        return next(iter(parts.values()), None) if is_mixed(kind) and len(parts) < 2 else parts
    if pa.types.is_decimal(kind):
        return {"$numberDecimal": str(value)}
    if pa.types.is_binary(kind):
        return {"$binary": {"base64": base64.b64encode(value).decode(), "subType": "00"}}
    if isinstance(value, float) and not math.isfinite(value):
        name = "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        return {"$numberDouble": name}
    return value
