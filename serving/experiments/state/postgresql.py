"""The state in a PostgreSQL database, for routers on several machines."""

from __future__ import annotations

import contextlib
import json
import random
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from foundation.errors import SpecError, StorageError
from serving.experiments.state.sql.base import SqlStore
from serving.experiments.state.sql.session import Row, Session
from serving.experiments.state.store import StoreAwayError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from serving.experiments.state.store import Exposure

_LOCK: Final = 0x70656E73746F636B
"""The advisory lock that all writers take: the letters of our name."""
_CONNECT: Final = {
    "connect_timeout": 3,
    "application_name": "penstock",
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "options": "-c statement_timeout=10s -c lock_timeout=5s -c idle_in_transaction_session_timeout=10s",
}
"""No call hangs: not on a network that is away, and not on a writer that was stopped in the middle."""
_ANALYSED_AT: Final = (1_000, 10_000, 100_000)
"""Exposures after which tables are analysed, as what is planned for empty ones reads large ones whole.

The database itself does it once a minute.
"""
_SHORTEST_WAIT: Final = 0.2
_LONGEST_WAIT: Final = 5.0


class PostgresqlStore(SqlStore):
    """The state in a PostgreSQL database.

    Writers take turns, so that units are numbered in the order in which they become visible. A connection that breaks
    is made anew at the next call; while the database is away, calls fail at once until the next attempt is due.

    Args:
        url: Its URL, which is never shown.
        variable: Name of the environment variable that the URL is from, for messages.
        clock: Returns the time instead of the database's clock; for tests.

    Raises:
        SpecError: The URL is none. A database that is away is no error here: it is looked for at each call.
    """

    def __init__(self, url: str, variable: str, clock: Callable[[], float] | None = None) -> None:
        super().__init__(clock)
        self._connections = [_Connection(url, variable) for _ in range(2)]
        self._exposed = 0
        self._preparing, self._begun, self._prepared = threading.RLock(), False, False

    def expose(self, batch: Sequence[Exposure]) -> None:
        """Records units that were exposed."""
        super().expose(batch)
        before, self._exposed = self._exposed, self._exposed + len(batch)
        if any(before < count <= self._exposed for count in _ANALYSED_AT):
            with self._reading() as session:
                for table in ("penstock_units", "penstock_requests", "penstock_rewards"):
                    session.changed(f"ANALYZE {table}")

    def _seen(self, session: Session) -> float:
        ((now,),) = session.rows("SELECT EXTRACT(EPOCH FROM clock_timestamp())::double precision")
        return float(now)

    def _ensure(self) -> None:
        """Creates the tables at the first call that reaches the database."""
        if self._prepared:
            return
        with self._preparing:
            if self._begun:  # by this thread: the call is part of it
                return
            self._begun = True
            try:
                self._prepare(self._connections[0].place)
                self._prepared = True
            finally:
                self._begun = self._prepared

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Session]:
        self._ensure()
        with self._connections[0].transaction() as session:
            yield session

    @contextlib.contextmanager
    def _writing(self, *, safe: bool = False) -> Iterator[Session]:
        self._ensure()
        with self._connections[1].transaction() as session:
            session.rows("SELECT 1 FROM pg_advisory_xact_lock(?)", (_LOCK,))
            yield session

    def close(self) -> None:
        """Closes the connections."""
        for connection in self._connections:
            connection.close()


class _Connection:
    """One connection, used by one thread at a time, and made anew when it breaks."""

    def __init__(self, url: str, variable: str) -> None:
        self._parts = _parts(url, variable)
        self._variable = variable
        host, port = self._parts.get("host", "its socket"), self._parts.get("port", 5432)
        self.place = f"state: PostgreSQL at {host}:{port}"
        self._lock, self._connection = threading.Lock(), None  # type: tuple[threading.Lock, Any]  # type: ignore[assignment]
        self._next, self._wait = 0.0, _SHORTEST_WAIT
        self._why = ""

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Session]:
        """Runs the block as one transaction."""
        import psycopg

        with self._lock:
            try:
                self._begin()
                yield _PostgresqlSession(self._connection)
                self._connection.execute("COMMIT")
            except psycopg.Error as error:
                self._recover()
                raise self._told(error) from error
            except BaseException:
                self._recover()
                raise

    def _begin(self) -> None:
        import psycopg

        if self._connection is not None:
            try:
                self._connection.execute("BEGIN")
                return
            except psycopg.Error:
                self._drop()
        if time.monotonic() < self._next:
            raise psycopg.OperationalError(self._why)
        try:
            self._connection = psycopg.connect(**self._parts, autocommit=True)
            self._connection.execute("BEGIN")
        except psycopg.Error as error:
            self._drop()
            self._why = str(error)
            self._next = time.monotonic() + self._wait * random.uniform(0.5, 1.0)
            self._wait = min(2 * self._wait, _LONGEST_WAIT)
            raise
        self._next, self._wait = 0.0, _SHORTEST_WAIT

    def _recover(self) -> None:
        import psycopg

        if self._connection is None:
            return
        try:
            self._connection.execute("ROLLBACK")
        except psycopg.Error:
            self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _told(self, error: Exception) -> StorageError:
        import psycopg

        passing = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError)
        kind = StoreAwayError if isinstance(error, passing) else StorageError
        return kind(
            self.place,
            expected="a database that answers",
            seen=str(error).strip().split("\n")[0] or type(error).__name__,
            remedy=f"check the database and the environment variable {self._variable}; it is tried again",
        )

    def close(self) -> None:
        """Closes the connection."""
        with self._lock:
            self._drop()


def _parts(url: str, variable: str) -> dict[str, Any]:
    """Returns what a URL says, with limits on how long a call may hang."""
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    try:
        given = conninfo_to_dict(url)
    except psycopg.Error:
        # The driver's own text repeats the URL, password and all.
        raise SpecError(
            f"state: the URL in the environment variable {variable}",
            expected="postgresql://USER:PASSWORD@HOST:PORT/DATABASE",
            seen="something else (not shown)",
            remedy=f"export {variable} anew",
        ) from None
    options = f"{_CONNECT['options']} {given.pop('options', '')}".strip()
    return {**_CONNECT, **given, "options": options}


class _PostgresqlSession(Session):
    """A transaction in PostgreSQL."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """Runs a statement and returns its rows."""
        found: list[Row] = self._connection.execute(sql.replace("?", "%s"), values).fetchall()
        return found

    def changed(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Runs a statement and returns how many rows it changed."""
        return int(self._connection.execute(sql.replace("?", "%s"), values).rowcount)

    def insert(self, table: str, columns: Mapping[str, str], rows: Sequence[Row], otherwise: str) -> int:
        """Inserts rows, and returns how many were inserted or changed.

        All rows travel as one value: a parameter for each would cost the client several times as much.
        """
        if not rows:
            return 0
        typed = ", ".join(f"(row ->> {n})::{kind}" for n, kind in enumerate(columns.values()))
        sql = (
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT {typed} "
            f"FROM json_array_elements(%s::json) row ON CONFLICT {otherwise}"
        )
        return int(self._connection.execute(sql, (json.dumps(rows),)).rowcount)
