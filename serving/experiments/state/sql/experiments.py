"""The experiments that are declared, and the clock that decides for all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from serving.experiments.state.store import Rules

if TYPE_CHECKING:
    from serving.experiments.state.sql.session import Session


@dataclass(slots=True)
class Declared:
    """An experiment as a transaction sees it.

    Attributes:
        id: Its number.
        name: Its name.
        rules: How its exposures and rewards are taken.
        kept_units: Units that are kept.
        kept_requests: Request ids that are kept.
        next_seq: The number of its next unit.
        closed_seq: The number of the last unit that was evaluated: nothing about it or those before can change.
    """

    id: int
    name: str
    rules: Rules
    kept_units: int
    kept_requests: int
    next_seq: int
    closed_seq: int

    def save(self, session: Session) -> None:
        """Writes what changed."""
        session.changed(
            "UPDATE penstock_experiments SET kept_units = ?, kept_requests = ?, next_seq = ?, closed_seq = ? WHERE id = ?",
            (self.kept_units, self.kept_requests, self.next_seq, self.closed_seq, self.id),
        )


def read_all(session: Session) -> dict[str, Declared]:
    """Returns all declared experiments by name."""
    rows = session.rows(
        "SELECT id, name, metric, span, repeated, most_units, kept_units, kept_requests, next_seq, closed_seq "
        "FROM penstock_experiments ORDER BY id"
    )
    return {
        name: Declared(
            number,
            name,
            Rules(metric, span, repeated, most),
            units,
            requests,
            next_seq,
            closed,
        )
        for number, name, metric, span, repeated, most, units, requests, next_seq, closed in rows
    }


def declare(session: Session, name: str, rules: Rules) -> None:
    """Declares an experiment, or declares it anew."""
    values = (rules.metric, rules.window, rules.repeated, rules.most_units, name)
    if session.changed(
        "UPDATE penstock_experiments SET metric = ?, span = ?, repeated = ?, most_units = ? WHERE name = ?",
        values,
    ):
        return
    session.changed(
        "INSERT INTO penstock_experiments (metric, span, repeated, most_units, name, id, kept_units, "
        "kept_requests, next_seq, closed_seq) SELECT ?, ?, ?, ?, ?, COALESCE(MAX(id), 0) + 1, 0, 0, 1, 0 FROM penstock_experiments",
        values,
    )


def advance(session: Session, seen: float) -> float:
    """Returns the time of a transaction that decides something, which later ones never go behind.

    Args:
        session: The transaction.
        seen: What the clock of the store's machine shows.
    """
    ((last,),) = session.rows("SELECT at FROM penstock_clock WHERE one = 1")
    if seen > last:
        session.changed("UPDATE penstock_clock SET at = ? WHERE one = 1", (seen,))
    return max(seen, float(last))
