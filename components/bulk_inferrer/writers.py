"""Predictions as JSON lines or Parquet: a writer for each shard, and a join of all shards into one file."""

from __future__ import annotations

import contextlib
import math
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from components.bulk_inferrer.columns import ID_TYPE, id_column
from components.bulk_inferrer.rows import Ids
from components.exports.fields import ID
from components.exports.identity import WITHOUT

Write = Callable[[Ids, Mapping[str, Any]], None]


def columns(size: int, outputs: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Returns plain columns of the model's outputs for ``size`` rows: text for bytes, lists for vectors."""
    result: dict[str, list[Any]] = {}
    for name, array in sorted(outputs.items()):
        values = array.reshape(size, math.prod(array.shape[1:])) if array.ndim > 1 else array
        plain = values[:, 0].tolist() if _is_column(array) and array.ndim == 2 else values.tolist()
        result[name] = [
            value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in plain
        ]
    return result


@contextlib.contextmanager
def open_writer(path: Path, kind: str) -> Iterator[Write]:
    """Yields a function that appends a batch of ids and model outputs to a new file.

    Args:
        path: The file.
        kind: jsonl or parquet.
    """
    with _json_lines(path) if kind == "jsonl" else _parquet(path) as write:
        yield write


@contextlib.contextmanager
def _json_lines(path: Path) -> Iterator[Write]:
    import orjson

    with path.open("wb") as file:

        def write(ids: Ids, outputs: Mapping[str, Any]) -> None:
            table = columns(len(ids.json), outputs)
            keys = zip(ids.json, ids.types, strict=True)
            rows = zip(*table.values(), strict=True) if table else ((),) * len(ids.json)
            for (text, kind), row in zip(keys, rows, strict=True):
                key: dict[str, Any] = {} if kind == WITHOUT else {ID: orjson.Fragment(text)}
                key |= {ID_TYPE: kind} if ids.typed else {}
                # orjson writes NaN as null.
                file.write(orjson.dumps({**key, **dict(zip(table, row, strict=True))}) + b"\n")

        yield write


@contextlib.contextmanager
def _parquet(path: Path) -> Iterator[Write]:
    """Writes ids as Extended JSON with their types; the join of all shards knows whether they are of one type."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with contextlib.ExitStack() as stack:
        writers: list[Any] = []

        def write(ids: Ids, outputs: Mapping[str, Any]) -> None:
            keys = {ID: [text or None for text in ids.json], ID_TYPE: list(ids.types)}
            kinds = {name: pa.array(values, pa.string()) for name, values in keys.items()}
            values = {
                name: pa.array(column, _kind(outputs[name]))
                for name, column in columns(len(ids.json), outputs).items()
            }
            table = pa.table({**kinds, **values})
            if not writers:
                writers.append(stack.enter_context(pq.ParquetWriter(path, table.schema)))
            writers[0].write_table(table)

        yield write
        if not writers:
            write(Ids([], []), {})


def _kind(array: Any) -> Any:
    """Returns the Parquet type of a model's output; what is no number is text."""
    import pyarrow as pa

    item = pa.string() if array.dtype.kind in "OSU" else pa.from_numpy_dtype(array.dtype)
    return item if _is_column(array) else pa.list_(item)


def _is_column(array: Any) -> bool:
    return array.ndim == 1 or (array.ndim == 2 and array.shape[1] == 1)


def join_shards(
    shards: Sequence[Path],
    target: Path,
    kind: str,
    types: Mapping[str, int],
    typed: bool = False,
    about: str = "",
) -> int:
    """Joins shards into one file, in order.

    Args:
        shards: Files that ``open_writer`` wrote.
        target: The file.
        kind: jsonl or parquet.
        types: Type → ids of that type, in all shards.
        typed: Whether ids are hashed, and their types stay beside them.
        about: JSON about the predictions, for Parquet's metadata.

    Returns:
        The number of rows.
    """
    if kind == "jsonl":
        return _join_lines(shards, target)
    return _join_parquet(shards, target, types, typed, about)


def _join_lines(shards: Sequence[Path], target: Path) -> int:
    rows = 0
    with target.open("wb") as out:
        for shard in shards:
            with shard.open("rb") as source:
                shutil.copyfileobj(source, out, 1 << 20)
            with shard.open("rb") as source:
                rows += sum(block.count(b"\n") for block in iter(lambda: source.read(1 << 20), b""))
    return rows


def _join_parquet(
    shards: Sequence[Path], target: Path, types: Mapping[str, int], typed: bool, about: str
) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = [pq.ParquetFile(shard) for shard in shards]
    files = [file for file in files if file.metadata.num_rows] or files[:1]
    empty = pa.table({name: pa.array([], pa.string()) for name in (ID, ID_TYPE)})
    tables: Iterator[Any] = (file.read_row_group(n) for file in files for n in range(file.num_row_groups))
    first = id_column(next(tables, empty), types, typed)
    schema = first.schema.with_metadata({"penstock": about} if about else None)
    with pq.ParquetWriter(target, schema) as writer:
        writer.write_table(first.cast(schema))
        for table in tables:
            writer.write_table(id_column(table, types, typed).cast(schema))
    return sum(file.metadata.num_rows for file in files)
