"""The state in a SQLite file, for all processes of one machine."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from foundation.errors import StorageError
from foundation.publish import storage_error
from serving.experiments.state.sql.base import SqlStore
from serving.experiments.state.sql.session import Row, Session
from serving.experiments.state.store import StoreAwayError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_PATIENCE: Final = 5.0
"""Seconds to wait for another process that writes."""
_PAUSE: Final = 0.01
"""Seconds between two tries of what SQLite does not wait for."""
_FLOW: Final = {
    "SQLITE_BUSY": "another process has been writing for long; it is tried again",
    "SQLITE_FULL": "free space on that disk; nothing that waits is lost until the buffer is full",
    "SQLITE_IOERR": "check the disk; it is tried again",
    "SQLITE_READONLY": "give this user write permission for the file and its folder",
    "SQLITE_CANTOPEN": "check the path and the permissions of its folder",
    "SQLITE_LOCKED": "another process has been writing for long; it is tried again",
}
"""Errors that may pass → what to do. Their extended names begin with these."""


class SqliteStore(SqlStore):
    """The state in a SQLite file on a local disk.

    The file is in write-ahead mode: readers and the writer do not wait for each other, and a process that is killed
    loses nothing that was committed. Rewards and documents are on disk when the call returns.

    Args:
        path: The file; it is made, readable by its owner only, if it is missing.
        clock: Returns the time instead of this machine's clock; for tests.

    Raises:
        StorageError: The file cannot be made or read, or is no state of experiments.
    """

    _CLUSTERED = " WITHOUT ROWID"

    def __init__(self, path: Path, clock: Callable[[], float] | None = None) -> None:
        super().__init__(clock)
        self._path = path
        _make(path)
        self._writer, self._reader = _Connection(path), _Connection(path)
        self._prepare(str(path))

    def _seen(self, session: Session) -> float:
        return time.time()

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Session]:
        with self._reader.transaction("BEGIN") as session:
            yield session

    @contextlib.contextmanager
    def _writing(self, *, safe: bool = False) -> Iterator[Session]:
        with self._writer.transaction("BEGIN IMMEDIATE", safe=safe) as session:
            yield session

    def close(self) -> None:
        """Closes the file."""
        self._reader.close()
        self._writer.close()


def _make(path: Path) -> None:
    """Makes the file if it is missing; opens none that is there.

    To close any descriptor of it gives up the locks that this process has by others (SQLite's "How To Corrupt", section
    2.2): another process would take a state that is in use for one that is not, and remove what was written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path.resolve(), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        if not os.access(path, os.R_OK | os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise storage_error(path, error) from error


class _Connection:
    """One connection, used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock, self._safe = path, threading.Lock(), False
        with _told(path):
            self._connection = sqlite3.connect(
                path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
            )
            self._write_ahead()
            self._connection.execute("PRAGMA synchronous = NORMAL")

    def _write_ahead(self) -> None:
        """Switches to write-ahead mode, for which SQLite itself does not wait: it refuses who comes second at once."""
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if not error.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() > end:
                    raise
                time.sleep(_PAUSE)

    @contextlib.contextmanager
    def transaction(self, begin: str, *, safe: bool = False) -> Iterator[Session]:
        """Runs the block as one transaction."""
        with self._lock, _told(self._path):
            if safe is not self._safe:
                self._connection.execute(f"PRAGMA synchronous = {'FULL' if safe else 'NORMAL'}")
                self._safe = safe
            self._connection.execute(begin)
            try:
                yield _SqliteSession(self._connection)
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Closes the connection."""
        with self._lock:
            self._connection.close()


class _SqliteSession(Session):
    """A transaction in SQLite."""

    BY_KEY = "INDEXED BY penstock_units_key"

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """Runs a statement and returns its rows."""
        return self._connection.execute(sql, values).fetchall()

    def changed(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Runs a statement and returns how many rows it changed."""
        return self._connection.execute(sql, values).rowcount

    def insert(self, table: str, columns: Mapping[str, str], rows: Sequence[Row], otherwise: str) -> int:
        """Inserts rows, and returns how many were inserted or changed."""
        if not rows:
            return 0
        marks = ", ".join("?" * len(columns))
        sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}) ON CONFLICT {otherwise}"
        return self._connection.executemany(sql, rows).rowcount


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Raises SQLite's errors as ours."""
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "") or ""
        remedy = next((remedy for start, remedy in _FLOW.items() if name.startswith(start)), "")
        kind = StoreAwayError if remedy else StorageError
        raise kind(
            f"{path}",
            expected="the state of experiments in a SQLite file",
            seen=str(error),
            remedy=remedy or "restore the file from a copy, or name another path under state",
        ) from error
