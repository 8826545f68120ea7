"""Predictions as JSON lines or Parquet: a writer for each shard, and a join of all shards into one file."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

Write = Callable[[Sequence[str], Mapping[str, Any]], None]


def columns(ids: Sequence[str], outputs: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Returns plain columns, ``_id`` first: text for bytes, lists for vectors."""
    result: dict[str, list[Any]] = {"_id": list(ids)}
    for name, array in sorted(outputs.items()):
        values = array.reshape(len(ids), -1) if array.ndim > 1 else array
        plain = values[:, 0].tolist() if array.ndim == 2 and array.shape[1] == 1 else values.tolist()
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

        def write(ids: Sequence[str], outputs: Mapping[str, Any]) -> None:
            table = columns(ids, outputs)
            rows = zip(*table.values(), strict=True)
            # orjson writes NaN as null.
            file.writelines(orjson.dumps(dict(zip(table, row, strict=True))) + b"\n" for row in rows)

        yield write


@contextlib.contextmanager
def _parquet(path: Path) -> Iterator[Write]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with contextlib.ExitStack() as stack:
        writers: list[Any] = []

        def write(ids: Sequence[str], outputs: Mapping[str, Any]) -> None:
            table = pa.table(columns(ids, outputs))
            if not writers:
                writers.append(stack.enter_context(pq.ParquetWriter(path, table.schema)))
            writers[0].write_table(table.cast(writers[0].schema))

        yield write
        if not writers:
            write([], {})


def join_shards(shards: Sequence[Path], target: Path, kind: str) -> int:
    """Joins shards into one file, in order.

    Returns:
        The number of rows.
    """
    return _join_lines(shards, target) if kind == "jsonl" else _join_parquet(shards, target)


def _join_lines(shards: Sequence[Path], target: Path) -> int:
    rows = 0
    with target.open("wb") as out:
        for shard in shards:
            with shard.open("rb") as source:
                shutil.copyfileobj(source, out, 1 << 20)
            with shard.open("rb") as source:
                rows += sum(block.count(b"\n") for block in iter(lambda: source.read(1 << 20), b""))
    return rows


def _join_parquet(shards: Sequence[Path], target: Path) -> int:
    import pyarrow.parquet as pq

    files = [file for file in map(pq.ParquetFile, shards) if file.metadata.num_rows] or [
        pq.ParquetFile(shards[0])
    ]
    with pq.ParquetWriter(target, files[0].schema_arrow) as writer:
        for file in files:
            for group in range(file.num_row_groups):
                writer.write_table(file.read_row_group(group))
    return sum(file.metadata.num_rows for file in files)
