"""ML Metadata's store for several processes at once: one place that waits, locks, connects again and writes once.

ML Metadata itself gives up too early and waits too long. In a SQLite file, two transactions that have read and now want
to write are in each other's way for good; SQLite refuses one of them at once, as it refuses a reader that has waited
too long, and ML Metadata's client then pauses for 2 s on average, five times. A PostgreSQL connection that broke stays broken.
Everything that Penstock reads and writes, TFX's launcher included, goes through this class instead.
"""

from __future__ import annotations

import contextlib
import copy
import logging
import os
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import ml_metadata.errors as mlmd_errors
from ml_metadata.metadata_store.metadata_store import MetadataStore
from ml_metadata.metadata_store.pywrap.metadata_store_extension import metadata_store as native
from ml_metadata.proto import metadata_store_pb2 as pb

from foundation.errors import MetadataError
from foundation.lock import locked
from pipeline.lineage.backslashes import without_backslashes
from pipeline.lineage.faults import Fault, fault_of
from pipeline.lineage.lists import whole
from pipeline.lineage.once import answer_again, is_written, may_be_undone, name_what_is_new
from pipeline.lineage.sqlite import lock_of
from pipeline.lineage.types import identify, without_identity

PATIENCE: Final = 120.0
"""Seconds for which a node waits for a database that restarts or for other writers."""
_IDLE: Final = 60.0
"""Seconds after which a connection is not trusted: what is in between may have forgotten it without a word."""
_PG_OPTIONS: Final = "-c lock_timeout=20s -c idle_in_transaction_session_timeout=60s"
"""A transaction whose client is gone must not hold its rows for hours: the server ends it, others wait only so long."""
_PG_SECONDS: Final = "10"
"""Seconds for PostgreSQL's client library to connect; by itself it waits for ever."""
_IN_CONTEXTS: Final = re.compile(r"\(?(\(?contexts_\d+\.id = \d+\)?( AND )?)+\)?")
"""How TFX asks for the executions that are in each of some contexts."""
_NUMBER: Final = re.compile(r"id = (\d+)")
_PAUSES: Final = {Fault.CONFLICT: (0.01, 1.0), Fault.LOST: (0.1, 5.0)}
"""The first pause and the longest, in seconds; each is twice the one before, and shortened at random by up to a half."""

log = logging.getLogger(__name__)


def subject_of(connection: pb.ConnectionConfig) -> str:
    """Returns what errors call a store, without its secrets."""
    if connection.HasField("mysql"):
        return f"the ML Metadata store {connection.mysql.database} at {connection.mysql.host}"
    if connection.HasField("postgresql"):
        return f"the ML Metadata store {connection.postgresql.dbname} at {connection.postgresql.host}"
    return f"the ML Metadata store {connection.sqlite.filename_uri}"


@contextlib.contextmanager
def _limits() -> Iterator[None]:
    """Has PostgreSQL's client library know limits that ``ConnectionConfig`` lacks, unless the environment sets them."""
    wanted = {"PGOPTIONS": _PG_OPTIONS, "PGCONNECT_TIMEOUT": _PG_SECONDS}
    ours = {key: value for key, value in wanted.items() if key not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for key in ours:
            os.environ.pop(key, None)


@dataclass
class Waiting:
    """The pauses of one call.

    Attributes:
        patience: Seconds after which it gives up; each kind of fault is counted by itself.
        clock: Gives the time in seconds.
        sleep: Pauses for some seconds.
    """

    patience: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _tries: dict[Fault, int] = field(default_factory=dict)
    _since: dict[Fault, float] = field(default_factory=dict)

    def pause(self, fault: Fault) -> bool:
        """Pauses before the next try; returns False instead if patience is at its end."""
        now = self.clock()
        if now - self._since.setdefault(fault, now) >= self.patience:
            return False
        first, longest = _PAUSES[fault]
        tries = self._tries[fault] = self._tries.get(fault, 0) + 1
        self.sleep(min(longest, first * 2.0 ** (tries - 1)) * random.uniform(0.5, 1.0))
        return True


class SteadyStore(MetadataStore):  # type: ignore[misc]
    """A store that several processes, and threads of each, may use at once.

    Args:
        connection: ML Metadata's ``ConnectionConfig``.
        patience: Seconds to wait for a server that does not answer. Other writers are waited for in any case.
        upgrade: Whether tables of an earlier version are brought to this one.

    Raises:
        MetadataError: Its server does not answer.
        RuntimeError: It cannot be opened for another reason, such as its version.
    """

    def __init__(self, connection: pb.ConnectionConfig, patience: float = 0.0, upgrade: bool = False) -> None:
        # The base's constructor would connect, with its own retries, and log the password where absl logs debugging.
        self._config, self._using_db_connection = connection, True
        self._patience, self._upgrade = patience, upgrade
        self._metadata_store: Any = None
        self._used = time.monotonic()
        self._known: dict[Any, Any] = {}
        self._thread = threading.RLock()
        file = connection.sqlite.filename_uri
        self._lock = lock_of(Path(file)) if file else None
        self._steadily(lambda: None, writes=True)

    def get_executions(self, list_options: Any = None, extra_options: Any = None) -> Any:
        """Returns all executions or, asked as TFX does, those that are in each of some contexts.

        TFX asks by a query that ML Metadata 1.21 no longer understands, and then reads every execution of each
        context. A context that was made later has fewer: the newest is read, then the others are compared.
        """
        asked = _IN_CONTEXTS.fullmatch(getattr(list_options, "filter_query", None) or "")
        if asked is None:
            return super().get_executions(list_options, extra_options)
        newest, *others = sorted(map(int, _NUMBER.findall(asked.group())), reverse=True)
        found = self.get_executions_by_context(newest)
        return [one for one in found if set(others) <= {c.id for c in self.get_contexts_by_execution(one.id)}]

    def get_artifact_type(self, *args: Any, **kwargs: Any) -> Any:
        """Returns a type; one that is known is not asked for again, since types have ids for good."""
        return without_identity(self._remembered(super().get_artifact_type, *args, **kwargs))

    def get_execution_type(self, *args: Any, **kwargs: Any) -> Any:
        """Returns a type, see ``get_artifact_type``."""
        return without_identity(self._remembered(super().get_execution_type, *args, **kwargs))

    def get_context_type(self, *args: Any, **kwargs: Any) -> Any:
        """Returns a type, see ``get_artifact_type``."""
        return without_identity(self._remembered(super().get_context_type, *args, **kwargs))

    def get_context_by_type_and_name(self, *args: Any, **kwargs: Any) -> Any:
        """Returns a context or None; one that is known is not asked for again."""
        return self._remembered(super().get_context_by_type_and_name, *args, **kwargs)

    def _remembered(self, ask: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        key = (ask.__name__, args, tuple(kwargs.values()))
        if key not in self._known:
            found = ask(*args, **kwargs)
            if found is None:
                return None
            self._known[key] = found
        return copy.deepcopy(self._known[key])

    def _call_method_with_list_options(
        self, method_name: str, entity_field_name: str, request: Any, list_options: Any = None, *_: Any
    ) -> Any:
        """Asks for a list, see ``pipeline.lineage.lists``."""
        ask = super()._call_method_with_list_options
        return whole(lambda options: ask(method_name, entity_field_name, request, options), list_options)

    def _call(self, method_name: str, request: Any, response: Any, extra_options: Any = None) -> None:
        """Calls ML Metadata: again after a conflict, on a new connection after a lost one, and writes once."""
        writes, postgresql = method_name.startswith("Put"), self._config.HasField("postgresql")
        if writes:
            name_what_is_new(method_name, request)
            if postgresql:
                without_backslashes(request)
                identify(self, method_name, request)
            if method_name.endswith("Type"):
                self._known.clear()  # it may get further properties
        lost, checked = False, postgresql and may_be_undone(method_name, request)

        def call() -> None:
            try:
                self._call_method(method_name, request, response)
            except mlmd_errors.AlreadyExistsError:
                if not (lost and answer_again(self, method_name, request, response)):
                    raise
            if checked and not is_written(self, method_name, request, response):
                raise mlmd_errors.AbortedError("PostgreSQL has undone what was answered")

        def note_lost() -> None:
            nonlocal lost
            lost = True

        self._steadily(call, writes, note_lost)

    def _steadily(
        self, call: Callable[[], None], writes: bool, on_lost: Callable[[], None] = lambda: None
    ) -> None:
        """Does something on an open connection, as often as it takes.

        Raises:
            MetadataError: The server did not answer for as long as this store has patience.
            Exception: What ML Metadata raised, unless trying again may help.
        """
        conflicts, losses = Waiting(max(self._patience, PATIENCE)), Waiting(self._patience)
        while True:
            try:
                with self._thread, self._alone(writes):
                    self._connect()
                    call()
                return
            except (mlmd_errors.StatusError, RuntimeError) as error:
                fault = fault_of(error, opening=self._metadata_store is None)
                if fault is Fault.OTHER:
                    raise
                if fault is Fault.LOST:
                    self._metadata_store = None
                    on_lost()
                waiting = conflicts if fault is Fault.CONFLICT else losses
                if not waiting.pause(fault):
                    raise self._given_up(fault, error, waiting.patience) from error
                log.info("%s: %s; trying again", subject_of(self._config), fault.value)

    def _connect(self) -> None:
        """Opens the store unless there is a connection that was in use just now."""
        idle, self._used = time.monotonic() - self._used, time.monotonic()
        if self._metadata_store is not None and (self._lock is not None or idle < _IDLE):
            return
        self._metadata_store = None
        migration = pb.MigrationOptions(enable_upgrade_migration=self._upgrade)
        with _limits():
            self._metadata_store = native.CreateMetadataStore(
                self._config.SerializeToString(), migration.SerializeToString()
            )

    @contextlib.contextmanager
    def _alone(self, writes: bool) -> Iterator[None]:
        """Holds a SQLite file's lock: nobody reads or writes beside a writer, so that none has to give way."""
        if self._lock is None:
            yield
            return
        with locked(self._lock, shared=not writes):
            yield

    def _given_up(self, fault: Fault, error: Exception, patience: float) -> MetadataError:
        waited = f" for {patience:.0f} s" if patience else ""
        seen = "no answer" if fault is Fault.LOST else "other writers"
        said = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        return MetadataError(
            subject_of(self._config),
            expected="a database that answers",
            seen=f"{seen}{waited} ({said})",
            remedy="check that it runs and that host, port, user, password and database are right, then run again",
        ).passing()
