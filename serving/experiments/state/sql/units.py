"""Units: those whose window has closed, how many there are, and which are forgotten."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from serving.experiments.state.store import Counts, Matured

if TYPE_CHECKING:
    from serving.experiments.state.sql.experiments import Declared
    from serving.experiments.state.sql.session import Session

_NO_LAST: Final = 2**62


def matured(
    session: Session, experiment: Declared, cursor: int, until: float, limit: int, last: int = _NO_LAST
) -> tuple[list[Matured], int]:
    """Returns units in the order of their exposure, and the next cursor.

    Args:
        session: The transaction.
        experiment: The experiment.
        cursor: Only units after it.
        until: Only units that were exposed at this time or before.
        limit: The most units to return.
        last: Only units up to this number.
    """
    rows = session.rows(
        "SELECT u.seq, u.key, u.arm, u.propensity, u.propensities, u.tbl, u.epoch, u.at, u.covariate, r.value "
        "FROM penstock_units u LEFT JOIN penstock_rewards r "
        "ON r.experiment = u.experiment AND r.seq = u.seq AND r.metric = ? "
        "WHERE u.experiment = ? AND u.seq > ? AND u.seq <= ? AND u.at <= ? ORDER BY u.seq LIMIT ?",
        (experiment.rules.metric, experiment.id, cursor, last, until, limit),
    )
    units = [
        Matured(key, arm, propensity, _probabilities(propensities), table, epoch, at, covariate, value)
        for _, key, arm, propensity, propensities, table, epoch, at, covariate, value in rows
    ]
    return units, rows[-1][0] if rows else cursor


@lru_cache(maxsize=256)
def _probabilities(text: str | None) -> dict[str, float]:
    found: dict[str, float] = json.loads(text) if text else {}
    return found


def any_matured(session: Session, experiment: int, cursor: int, until: float) -> bool:
    """Returns whether there are units after a cursor that were exposed at a time or before."""
    sql = "SELECT at FROM penstock_units WHERE experiment = ? AND seq > ? ORDER BY seq LIMIT 1"
    found = session.rows(sql, (experiment, cursor))
    return bool(found) and found[0][0] <= until


def close(session: Session, experiment: Declared, last: int) -> None:
    """Notes that the units up to a number are evaluated: no reward can change them any more."""
    if last <= experiment.closed_seq:
        return
    sql = (
        "SELECT arm, COUNT(*) FROM penstock_units WHERE experiment = ? AND seq > ? AND seq <= ? GROUP BY arm"
    )
    rows = session.rows(sql, (experiment.id, experiment.closed_seq, last))
    session.count(experiment.name, Counter({f"closed:{arm}": n for arm, n in rows}))
    experiment.closed_seq = last
    experiment.save(session)


def closing(session: Session, experiment: Declared, until: float) -> Counter[str]:
    """Returns how many units of each arm were exposed at a time or before and are not evaluated yet."""
    sql = "SELECT arm, COUNT(*) FROM penstock_units WHERE experiment = ? AND seq > ? AND at <= ? GROUP BY arm"
    return Counter(dict(session.rows(sql, (experiment.id, experiment.closed_seq, until))))  # type: ignore[arg-type]


def counters(session: Session, experiment: str) -> dict[str, int]:
    """Returns an experiment's counters."""
    rows = session.rows("SELECT name, value FROM penstock_counters WHERE experiment = ?", (experiment,))
    return dict(rows)  # type: ignore[arg-type]


def by_arm(counted: dict[str, int], closing: Counter[str]) -> dict[str, Counts]:
    """Returns the number of units by arm.

    Args:
        counted: The experiment's counters.
        closing: Units whose window is closed, but which are not evaluated yet, by arm.
    """
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for name, value in counted.items():
        what, colon, arm = name.partition(":")
        if colon:
            found[arm][what] = value
    return {
        arm: Counts(values["units"], values["closed"] + closing[arm], values["rewarded"])
        for arm, values in sorted(found.items())
    }


def prune(session: Session, experiment: Declared, cursor: int, until: float) -> int:
    """Removes units that are requests, and others' request ids, if they were exposed before a time.

    Returns:
        How many rows were removed.
    """
    if not experiment.rules.by_request:
        sql = "DELETE FROM penstock_requests WHERE experiment = ? AND at < ?"
        gone = session.changed(sql, (experiment.id, until))
        experiment.kept_requests -= gone
        experiment.save(session)
        return gone
    where = "experiment = ? AND seq <= ? AND at < ?"
    values = (experiment.id, min(cursor, experiment.closed_seq), until)
    ((last,),) = session.rows(f"SELECT COALESCE(MAX(seq), 0) FROM penstock_units WHERE {where}", values)
    if not last:
        return 0
    session.changed("DELETE FROM penstock_rewards WHERE experiment = ? AND seq <= ?", (experiment.id, last))
    gone = session.changed(f"DELETE FROM penstock_units WHERE {where}", values)
    experiment.kept_units -= gone
    experiment.save(session)
    return gone
