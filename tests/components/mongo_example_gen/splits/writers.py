"""Writes the same documents in every format of MongoDB's tools; held to files that the real ``mongoexport`` wrote."""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bson
import pyarrow as pa
import pyarrow.parquet as pq
from bson import Code, DBRef, Decimal128, MaxKey, MinKey, ObjectId, Regex, json_util
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions
from bson.datetime_ms import DatetimeMS

Documents = list[dict[str, Any]]
_RAW = CodecOptions[dict[str, Any]](uuid_representation=UuidRepresentation.UNSPECIFIED)
_RELAXED = json_util.RELAXED_JSON_OPTIONS.with_options(uuid_representation=UuidRepresentation.UNSPECIFIED)
_CANONICAL = json_util.CANONICAL_JSON_OPTIONS.with_options(uuid_representation=UuidRepresentation.UNSPECIFIED)


def _json(options: json_util.JSONOptions) -> Callable[[Path, Documents], None]:
    def write(path: Path, documents: Documents) -> None:
        lines = [
            json_util.dumps(document, json_options=options, ensure_ascii=False) for document in documents
        ]
        path.write_text("\n".join([*lines, ""]), encoding="utf-8")

    return write


def _bson(path: Path, documents: Documents) -> None:
    path.write_bytes(b"".join(bson.encode(document, codec_options=_RAW) for document in documents))


def _csv(path: Path, documents: Documents) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    names = list(documents[0])
    writer.writerow(names)
    writer.writerows([[csv_cell(document[name]) for name in names] for document in documents])
    path.write_bytes(out.getvalue().encode())


def csv_cell(value: Any) -> str:
    """Returns the text that ``mongoexport --type=csv`` writes for a value."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return go_double(value)
    if isinstance(value, ObjectId):
        return f"ObjectId({value})"
    if isinstance(value, bytes):
        return value.hex().upper()
    if isinstance(value, (DatetimeMS, datetime.datetime)):
        return _date(int(value if isinstance(value, DatetimeMS) else DatetimeMS(value)))
    if isinstance(value, Regex):
        return f"/{value.pattern}/" + "".join(
            c for c, bit in zip("imsx", (2, 8, 16, 64), strict=True) if value.flags & bit
        )
    if isinstance(value, (MinKey, MaxKey)):
        return f"${type(value).__name__}"
    if isinstance(value, (str, int, Decimal128)) and not isinstance(value, Code):
        return str(value)
    if isinstance(value, Code):
        return str(value)
    if isinstance(value, DBRef):
        value = value.as_doc()
    return json_util.dumps(value, json_options=_RELAXED, ensure_ascii=False, separators=(",", ":"))


def go_double(value: float) -> str:
    """Returns a double as Go's ``strconv.FormatFloat(value, 'g', -1, 64)`` writes it."""
    if value != value or abs(value) == float("inf"):
        return "NaN" if value != value else "+Inf" if value > 0 else "-Inf"
    digits, exponent = f"{value:e}".split("e")
    for precision in range(17):
        shown = f"{value:.{precision}e}"
        if float(shown) == value:
            digits, exponent = shown.split("e")
            break
    if -4 <= int(exponent) < 6 or value == 0:
        return f"{value:.{max(0, len(digits.lstrip('-').replace('.', '')) - 1 - int(exponent))}f}"
    return f"{digits}e{exponent}"


def _date(moment: int) -> str:
    days, rest = divmod(moment, 86_400_000)
    cycles, day = divmod(days + 719_162, 146_097)  # days since 0001-01-01
    date = datetime.date.fromordinal(day + 1)
    year = date.year + 400 * cycles
    if year > 9999:
        return f'{{ "$date": {{ "$numberLong" : "{moment}" }}}}'
    seconds, millis = divmod(rest, 1000)
    clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{millis:03d}"
    return f"{'-' if year < 0 else ''}{abs(year):04d}-{date.month:02d}-{date.day:02d}T{clock}Z"


def parquet(path: Path, documents: Documents) -> None:
    """Writes documents whose values have one type for each name, as a warehouse does."""
    columns = {name: [_arrow(document[name]) for document in documents] for name in documents[0]}
    pq.write_table(pa.table(columns), path)


def _arrow(value: Any) -> Any:
    if isinstance(value, ObjectId):
        return str(value)
    if isinstance(value, DatetimeMS):
        return datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(
            milliseconds=int(value)
        )
    if isinstance(value, Decimal128):
        return value.to_decimal()
    return value


WRITERS: dict[str, Callable[[Path, Documents], None]] = {
    "relaxed.json": _json(_RELAXED),
    "canonical.json": _json(_CANONICAL),
    "documents.bson": _bson,
    "cells.csv": _csv,
}
"""Name of a file → writer of documents."""
