"""The store in a relational database: every method is one transaction; databases differ in how they begin and end it."""

from __future__ import annotations

import threading
from abc import abstractmethod
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from foundation.errors import StorageError
from serving.experiments.state.sql import documents, experiments, exposures, rewards, schema, units
from serving.experiments.state.store import (
    Assigned,
    Counts,
    Document,
    Event,
    Exposure,
    Matured,
    Receipt,
    Reward,
    Rules,
    Store,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from serving.experiments.state.sql.session import Session

_RECALLED: Final = 200_000
"""Units that memory recalls as stored."""
_PRUNINGS: Final = 50
"""Transactions of one pruning at most."""


class SqlStore(Store):
    """A store in SQLite or PostgreSQL.

    Args:
        clock: Returns the time of the store's machine, instead of the database's own; for tests.
    """

    _CLUSTERED = ""

    def __init__(self, clock: Callable[[], float] | None) -> None:
        self._clock = clock
        self._known: exposures.Known = {}
        self._memory = threading.Lock()

    @abstractmethod
    def _reading(self) -> AbstractContextManager[Session]:
        """Begins a transaction that only reads."""

    @abstractmethod
    def _writing(self, *, safe: bool = False) -> AbstractContextManager[Session]:
        """Begins a transaction that nobody else writes beside; it is rolled back if the block raises.

        Args:
            safe: Whether it must be on disk before the block is left.
        """

    @abstractmethod
    def _seen(self, session: Session) -> float:
        """Returns what the clock of the store's machine shows."""

    def _time(self, session: Session) -> float:
        return self._clock() if self._clock else self._seen(session)

    def _prepare(self, subject: str) -> None:
        """Creates the tables, or checks their version."""
        with self._writing() as session:
            for statement in schema.CREATE:
                session.changed(statement.replace("{clustered}", self._CLUSTERED))
            session.changed(
                "INSERT INTO penstock_clock (one, at, version) VALUES (1, 0, ?) ON CONFLICT (one) DO NOTHING",
                (schema.VERSION,),
            )
            ((version,),) = session.rows("SELECT version FROM penstock_clock WHERE one = 1")
        if version != schema.VERSION:
            raise StorageError(
                subject,
                expected=f"the state of experiments in version {schema.VERSION}",
                seen=f"version {version}",
                remedy="use the Penstock that wrote it, or name another place under state",
            )

    def now(self) -> float:
        """Returns the store's clock in seconds since the epoch."""
        with self._reading() as session:
            ((last,),) = session.rows("SELECT at FROM penstock_clock WHERE one = 1")
            return max(self._time(session), float(last))

    def ahead(self) -> float:
        """Returns for how many seconds the store's clock stands still, because it was once ahead."""
        with self._reading() as session:
            ((last,),) = session.rows("SELECT at FROM penstock_clock WHERE one = 1")
            return max(0.0, float(last) - self._time(session))

    def read(self, key: str) -> tuple[int, Document] | None:
        """Returns a document's version and value; None if there is none."""
        with self._reading() as session:
            return documents.read(session, key)

    def write(self, key: str, value: Document, expected: int) -> bool:
        """Writes a document if its version is still the expected one; returns whether it was."""
        with self._writing(safe=True) as session:
            return documents.write(session, key, value, expected)

    def declare(self, experiment: str, rules: Rules) -> None:
        """States how an experiment's exposures and rewards are taken."""
        with self._reading() as session:
            there = experiments.read_all(session).get(experiment)
        if there is None or there.rules != rules:
            with self._writing(safe=True) as session:
                experiments.declare(session, experiment, rules)

    def declared(self) -> dict[str, Rules]:
        """Returns the rules of all experiments by name."""
        with self._reading() as session:
            return {name: found.rules for name, found in experiments.read_all(session).items()}

    def expose(self, batch: Sequence[Exposure]) -> None:
        """Records units that were exposed."""
        if not batch:
            return
        with self._writing() as session:
            now = experiments.advance(session, self._time(session))
            declared = experiments.read_all(session)
            stored = exposures.expose(session, batch, declared, now, self._known)
        with self._memory:
            self._known |= stored
            if len(self._known) > _RECALLED:
                for place in list(islice(self._known, _RECALLED // 10)):
                    del self._known[place]

    def reward(self, batch: Sequence[Reward], *, again: bool = False) -> list[Receipt]:
        """Records rewards, each once; returns after they are safe on disk."""
        if not batch:
            return []
        with self._writing(safe=True) as session:
            now = experiments.advance(session, self._time(session))
            return rewards.reward(session, batch, experiments.read_all(session), now, again)

    def assigned(self, experiment: str, cursor: int, limit: int = 1000) -> tuple[list[Assigned], int]:
        """Returns units after a cursor in the order of their first exposure."""
        with self._reading() as session:
            there = experiments.read_all(session).get(experiment)
            return units.assigned(session, there.id, cursor, limit) if there is not None else ([], cursor)

    def matured(self, experiment: str, cursor: int, limit: int = 1000) -> tuple[list[Matured], int]:
        """Returns the units whose window has closed, after a cursor, in an order that never changes."""
        with self._reading() as session:
            there = experiments.read_all(session).get(experiment)
            if there is None:
                return [], cursor
            if cursor < there.closed_seq:
                # Another reader was given these before: they are final.
                found, after = units.matured(session, there, cursor, float("inf"), limit, there.closed_seq)
                return found, after if len(found) == limit else there.closed_seq
            if not units.any_matured(session, there.id, cursor, self._time(session) - there.rules.window):
                return [], cursor
        # No reward is being written meanwhile: what is returned is final.
        with self._writing(safe=True) as session:
            there = experiments.read_all(session)[experiment]
            until = experiments.advance(session, self._time(session)) - there.rules.window
            found, after = units.matured(session, there, cursor, until, limit)
            units.close(session, there, after)
        return found, after

    def closed_since(self, experiment: str, moment: float) -> Counts:
        """Returns how many windows have closed after a moment, and how many of these units have a reward."""
        with self._reading() as session:
            there = experiments.read_all(session).get(experiment)
            if there is None:
                return Counts()
            until, window = self._time(session), there.rules.window
            return units.closed_between(session, there, moment - window, until - window)

    def pending(self, experiment: str) -> dict[str, Counts]:
        """Returns the number of units by arm."""
        with self._reading() as session:
            there = experiments.read_all(session).get(experiment)
            if there is None:
                return {}
            until = self._time(session) - there.rules.window
            return units.by_arm(units.counters(session, experiment), units.closing(session, there, until))

    def counters(self, experiment: str) -> dict[str, int]:
        """Returns how often things happened."""
        with self._reading() as session:
            return {n: v for n, v in units.counters(session, experiment).items() if ":" not in n}

    def prune(self, experiment: str, cursor: int, keep: float) -> int:
        """Forgets what is not needed any more; returns the number of rows removed."""
        total = 0
        for _ in range(_PRUNINGS):
            gone = self._prune(experiment, cursor, keep)
            total += gone
            if gone < units.PRUNED_AT_A_TIME:
                break
        return total

    def _prune(self, experiment: str, cursor: int, keep: float) -> int:
        with self._writing() as session:
            there = experiments.read_all(session).get(experiment)
            if there is None:
                return 0
            until = experiments.advance(session, self._time(session)) - there.rules.window - keep
            return units.prune(session, there, cursor, until)

    def event(self, experiment: str, kind: str, text: str, detail: Mapping[str, Any] | None = None) -> None:
        """Records that something happened."""
        with self._writing(safe=True) as session:
            now = experiments.advance(session, self._time(session))
            documents.event(session, experiment, kind, text, detail or {}, now)

    def events(self, experiment: str | None = None, after: int = 0, limit: int = 100) -> list[Event]:
        """Returns the latest events, oldest first."""
        with self._reading() as session:
            return documents.events(session, experiment, after, limit)
