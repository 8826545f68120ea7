"""Reads the prediction log: all files of an experiment with the same columns, whichever version wrote them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from foundation.errors import DataError
from foundation.publish import storage_error
from serving.experiments.log.columns import FOLDER
from serving.experiments.log.compact import DAY_FOLDER, batches, final_path
from serving.experiments.log.kinds import Kind, fitted, from_arrow
from serving.experiments.log.schema import FORMAT, FORMAT_KEY, fixed_schema, is_value, whole_schema
from serving.experiments.log.stream import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path


def files(directory: Path, experiment: str) -> list[Path]:
    """Returns the files of an experiment, oldest first: Parquet, and the streams that are not Parquet yet."""
    folder = directory / quote(experiment, safe="")
    parquet = [path for path in folder.glob(f"{DAY_FOLDER}*/*.parquet") if path.parent.name != FOLDER]
    streams = [path for path in folder.glob(f"{DAY_FOLDER}*/.*{SUFFIX}") if not final_path(path).exists()]
    return sorted([*parquet, *streams], key=lambda path: (path.parent.name, path.name.lstrip(".")))


def tables(
    directory: Path,
    experiment: str,
    *,
    shadows: bool = False,
    columns: Collection[str] | None = None,
    newest_first: bool = False,
) -> Iterator[Any]:
    """Yields the log of an experiment as Arrow tables with equal columns, one for each file.

    A column that an older file lacks is null there; one whose type became wider has the widest.

    Args:
        directory: The log's directory.
        experiment: The experiment's name.
        shadows: Whether to read the copies whose answers no client saw.
        columns: Of the columns that every file has, those to read, and no others; None for all.
        newest_first: Whether the newest file comes first.

    Raises:
        DataError: There is no log, or a newer Penstock wrote it.
        StorageError: A file cannot be read.
    """
    import pyarrow.compute as pc

    paths = files(directory, experiment)
    if not paths:
        raise DataError(
            f"prediction log of {experiment}",
            expected=f"files in {directory / quote(experiment, safe='')}",
            seen="none",
            remedy="check the experiment's name and log.directory; a log begins with the first answer",
        )
    kinds = _kinds(paths)
    for path in reversed(paths) if newest_first else paths:
        table = _read(path, columns)
        if table is not None and table.num_rows:
            whole = _conformed(table, kinds) if columns is None else table.select(list(columns))
            yield whole if shadows else whole.filter(pc.invert(whole["shadow"]))


def _kinds(paths: list[Path]) -> dict[str, Kind]:
    """Returns the value columns of all files, each with the narrowest type that holds all."""
    kinds: dict[str, Kind] = {}
    for path in paths:
        schema = _schema(path)
        for field in schema if schema is not None else ():
            if is_value(field.name):
                kinds[field.name] = from_arrow(field.type).joined(kinds.get(field.name, Kind()))
    ordered = sorted(kinds, key=lambda name: not name.startswith("input"))
    return {name: kinds[name] for name in ordered}


def _schema(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if path.suffix != SUFFIX:
            schema = pq.read_schema(path)
        else:
            with open(path, "rb") as source:
                schema = pa.ipc.open_stream(source).schema
    except FileNotFoundError:
        return _schema(final_path(path)) if path.suffix == SUFFIX and final_path(path).exists() else None
    except (OSError, pa.ArrowException) as error:
        if path.suffix == SUFFIX:
            return None  # a process is about to begin it, or was killed there
        raise _damaged(path, error) from error
    written = int((schema.metadata or {}).get(FORMAT_KEY, b"0"))
    if written > FORMAT:
        raise DataError(
            f"prediction log {path}",
            expected=f"format {FORMAT} or older",
            seen=f"format {written}",
            remedy="use the newer Penstock that wrote it",
        )
    return schema


def _read(path: Path, columns: Collection[str] | None) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if path.suffix != SUFFIX:
            return pq.read_table(path, columns=columns and list(columns), partitioning=None)
        with open(path, "rb") as source:
            found = list(batches(source))
        return pa.Table.from_batches(found) if found else None
    except FileNotFoundError:
        # The stream became Parquet in the meantime, or the file too old.
        final = final_path(path)
        return _read(final, columns) if path.suffix == SUFFIX and final.exists() else None
    except (OSError, pa.ArrowException) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> Exception:
    if isinstance(error, OSError) and error.errno:
        return storage_error(path, error)
    return DataError(
        f"prediction log {path}",
        expected="a whole Parquet file",
        seen=str(error).split("\n")[0],
        remedy="move the damaged file away; the others are read without it",
    )


def _conformed(table: Any, kinds: dict[str, Kind]) -> Any:
    """Returns a table with the columns and types of all files."""
    import pyarrow as pa

    schema = whole_schema(kinds)
    fixed = fixed_schema()
    columns = []
    for field in schema:
        if field.name not in table.column_names:
            columns.append(pa.nulls(table.num_rows, field.type))
            continue
        column = table[field.name]
        if column.type == field.type or field.name in fixed.names:
            columns.append(column.cast(field.type))
        else:
            columns.append(pa.array(fitted(column.to_pylist(), kinds[field.name]), field.type))
    loose = pa.schema([field.with_nullable(True) for field in schema], schema.metadata)
    return pa.Table.from_arrays(columns, schema=loose)
