"""Turns the log's finished Arrow streams into Parquet, those of killed processes too; removes what is too old."""

from __future__ import annotations

import contextlib
import datetime
import logging
import os
import shutil
import time
from typing import TYPE_CHECKING, Any, Final

from serving.experiments.log.columns import FOLDER
from serving.experiments.log.stream import SUFFIX, UNLOCKED, take_over

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

log = logging.getLogger(__name__)
_GROUP_ROWS: Final = 64 * 1024
_GROUP_BYTES: Final = 32 << 20
_ABANDONED_SECONDS: Final = 3600.0
DAY_FOLDER: Final = "date="


def final_path(stream: Path) -> Path:
    """Returns the Parquet file that a stream becomes."""
    return stream.with_name(stream.name[1:].removesuffix(SUFFIX) + ".parquet")


def batches(source: Any) -> Iterator[Any]:
    """Yields the record batches of a stream, up to where it is cut.

    Args:
        source: An open file, or Arrow's own.
    """
    import pyarrow as pa

    try:
        reader = pa.ipc.open_stream(source)
        while True:
            yield reader.read_next_batch()
    except (StopIteration, pa.ArrowInvalid, OSError, EOFError):
        return


def compact(path: Path, handle: int) -> int:
    """Writes the Parquet file of a stream, then removes the stream.

    Killed in between, the next call writes the same file again: no row is lost, none is there twice.

    Args:
        path: The stream.
        handle: Its locked descriptor; closed in any case.

    Returns:
        The number of rows.

    Raises:
        OSError: The Parquet file cannot be written; the stream stays for a later call.
    """
    with open(handle, "rb") as source:
        source.seek(0)
        target = final_path(path)
        temporary = target.with_name(f".{target.name}.part")
        try:
            rows = _write(source, temporary)
            if rows:
                os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        path.unlink()
    return rows


def _write(source: Any, temporary: Path) -> int:
    """Writes row groups of a reasonable size; a stream has a small batch for each tick."""
    import pyarrow.parquet as pq

    writer, rows = None, 0
    try:
        for table in _groups(source):
            if writer is None:
                writer = pq.ParquetWriter(temporary, table.schema, compression="zstd")
                os.chmod(temporary, 0o640)
            writer.write_table(table)
            rows += table.num_rows
    finally:
        if writer is not None:
            writer.close()
    if rows:
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
    return rows


def _groups(source: Any) -> Iterator[Any]:
    import pyarrow as pa

    waiting: list[Any] = []
    for batch in batches(source):
        waiting.append(batch)
        if (
            sum(one.num_rows for one in waiting) >= _GROUP_ROWS
            or sum(one.nbytes for one in waiting) >= _GROUP_BYTES
        ):
            yield pa.Table.from_batches(waiting)
            waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting)


def recover(directory: Path) -> int:
    """Finishes the streams that no process writes to; returns how many rows they had.

    Raises:
        OSError: One of them cannot be finished now; the others were.
    """
    rows, problem = 0, None
    for path in sorted(directory.glob(f"*/{DAY_FOLDER}*/.*{SUFFIX}")):
        handle = take_over(path)
        if handle is None:
            continue
        try:
            found = compact(path, handle)
        except OSError as error:
            problem = error
        else:
            rows += found
            log.info("Prediction log: %s was left open and is finished now, with %d row(s)", path, found)
    for path in directory.glob(f"*/{DAY_FOLDER}*/.*{SUFFIX}{UNLOCKED}"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _ABANDONED_SECONDS:
                path.unlink()
    if problem is not None:
        raise problem
    return rows


def expire(directory: Path, keep_days: int, today: datetime.date) -> list[Path]:
    """Removes the folders of days that are too old; returns them."""
    removed = []
    for folder in directory.glob(f"*/{DAY_FOLDER}*"):
        try:
            day = datetime.date.fromisoformat(folder.name.removeprefix(DAY_FOLDER))
        except ValueError:
            continue
        if folder.name != FOLDER and (today - day).days > keep_days and not any(folder.glob(f".*{SUFFIX}")):
            shutil.rmtree(folder, ignore_errors=True)
            removed.append(folder)
    return removed
