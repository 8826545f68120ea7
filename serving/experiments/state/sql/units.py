"""Units: those whose window has closed, how many there are, and which are forgotten."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from serving.experiments.state.store import Assigned, Counts, Matured

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
        "SELECT u.seq, u.key, u.arm, u.propensity, u.propensities, u.tbl, u.epoch, u.at, u.covariate, r.value, u.context "
        "FROM penstock_units u LEFT JOIN penstock_rewards r "
        "ON r.experiment = u.experiment AND r.seq = u.seq AND r.metric = ? "
        "WHERE u.experiment = ? AND u.seq > ? AND u.seq <= ? AND u.at <= ? ORDER BY u.seq LIMIT ?",
        (experiment.rules.metric, experiment.id, cursor, last, until, limit),
    )
    units = [
        Matured(
            *(key, arm, propensity, _probabilities(chances), table, epoch, at, covariate, value),
            context=tuple(json.loads(context)) if context else (),
        )
        for _, key, arm, propensity, chances, table, epoch, at, covariate, value, context in rows
    ]
    return units, rows[-1][0] if rows else cursor


def assigned(session: Session, experiment: int, cursor: int, limit: int) -> tuple[list[Assigned], int]:
    """Returns units in the order of their first exposure, and the next cursor.

    Args:
        session: The transaction.
        experiment: The experiment's number.
        cursor: Only units after it.
        limit: The most units to return.
    """
    rows = session.rows(
        "SELECT seq, key, arm, propensity, propensities, tbl, epoch, at, single FROM penstock_units "
        "WHERE experiment = ? AND seq > ? ORDER BY seq LIMIT ?",
        (experiment, cursor, limit),
    )
    found = [
        Assigned(key, arm, propensity, _probabilities(text), table, epoch, at, bool(single))
        for _, key, arm, propensity, text, table, epoch, at, single in rows
    ]
    return found, rows[-1][0] if rows else cursor


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
    """Removes requests that are units of their own, and others' request ids, if they were exposed before a time.

    Returns:
        How many rows were removed.
    """
    sql = "DELETE FROM penstock_requests WHERE experiment = ? AND at < ?"
    requests = session.changed(sql, (experiment.id, until))
    where = "FROM penstock_units WHERE experiment = ? AND seq <= ? AND at < ? AND single = 1"
    values = (experiment.id, min(cursor, experiment.closed_seq), until)
    sql = f"DELETE FROM penstock_rewards WHERE experiment = ? AND seq IN (SELECT seq {where})"
    session.changed(sql, (experiment.id, *values))
    units = session.changed(f"DELETE {where}", values)
    if requests or units:
        experiment.kept_requests -= requests
        experiment.kept_units -= units
        experiment.save(session)
    return requests + units
