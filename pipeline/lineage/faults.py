"""What an error of ML Metadata means: two writers in each other's way, a lost connection, or neither.

ML Metadata has one kind of error for whatever a database says, so its texts decide. They are those of MariaDB's and
PostgreSQL's client libraries, which ML Metadata contains, and of both servers; ``tests/integration`` provokes them.
"""

from __future__ import annotations

from enum import Enum

_CONFLICT = (
    "concurrent writes aborted",
    "deadlock",
    "could not serialize access",
    "lock wait timeout exceeded",
    "due to lock timeout",
    "database is locked",
    "table definition has changed",  # MySQL: another process created or altered it since this transaction began
    "current transaction is aborted",  # a row that another writer was first to insert ended it
    "type with the same external_id",  # another writer was first to create the type, see ``types.identify``
    "type_external_id",
)
_HALF_MADE = (
    "please retry connection",
    "doesn't exist",
    "don't exist",
    "already exists",
    "duplicate key",
    "duplicate entry",
    "schema_version",
)
"""What opening a database says whose tables another process is creating; MySQL and MariaDB commit each by itself."""
_LOST = (
    "lost connection",
    "gone away",
    "can't connect",
    "connection was killed",
    "mysql_real_connect failed",
    "server shutdown in progress",
    "server closed the connection",
    "terminating connection",
    "could not connect",
    "could not receive data",
    "could not send data",
    "connection pointer is null",
    "connection not open",
    "no connection to the server",
    "connection has been closed",
    "the database system is",
)
_NOTHING_SAID = "postgresql metadata source error:"
"""All that is said once PostgreSQL's client library has no connection any more."""


class Fault(Enum):
    """What an error means for the call that met it."""

    CONFLICT = "another writer was in the way: nothing is written, the same call may succeed"
    LOST = "the connection broke: whether anything is written is unknown"
    OTHER = "the call itself is at fault"


def fault_of(error: Exception, opening: bool = False) -> Fault:
    """Returns what an error of ML Metadata means.

    Args:
        error: The error.
        opening: Whether it is one of opening the store.
    """
    import ml_metadata.errors as mlmd_errors

    text = str(error).lower()
    if isinstance(error, mlmd_errors.AbortedError) or any(part in text for part in _CONFLICT):
        return Fault.CONFLICT
    if opening and any(part in text for part in _HALF_MADE):
        return Fault.CONFLICT
    lost = any(part in text for part in _LOST) or text.strip().endswith(_NOTHING_SAID)
    return Fault.LOST if lost or isinstance(error, mlmd_errors.UnavailableError) else Fault.OTHER
