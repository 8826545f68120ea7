"""Units: those whose window has closed, how many there are, and which are forgotten."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from functools import lru_cache
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from serving.experiments.state.store import Assigned, Counts, Matured

if TYPE_CHECKING:
    from serving.experiments.state.sql.experiments import Declared
    from serving.experiments.state.sql.session import Session

_NO_LAST: Final = 2**62
_PAGE: Final = 5000
PRUNED_AT_A_TIME: Final = 20_000
"""Rows that one transaction removes, so that nobody waits for long."""


def matured(
    session: Session, experiment: Declared, cursor: int, until: float, limit: int, last: int = _NO_LAST
) -> tuple[list[Matured], int]:
    """Returns units in the order of their exposure, and the next cursor.

    Times rise with numbers, so the first unit that is too young ends the search: nothing behind it is read.

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
        "WHERE u.experiment = ? AND u.seq > ? AND u.seq <= ? ORDER BY u.seq LIMIT ?",
        (experiment.rules.metric, experiment.id, cursor, last, limit),
    )
    rows = list(takewhile(lambda row: row[7] <= until, rows))
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
    sql = "SELECT seq, arm, at FROM penstock_units WHERE experiment = ? AND seq > ? ORDER BY seq LIMIT ?"
    found: Counter[str] = Counter()
    cursor = experiment.closed_seq
    while rows := session.rows(sql, (experiment.id, cursor, _PAGE)):
        found.update(arm for _, arm, at in rows if at <= until)
        cursor, _, latest = rows[-1]
        if latest > until:
            break
    return found


def closed_between(session: Session, experiment: Declared, after: float, until: float) -> Counts:
    """Returns the units that were exposed after a time and until another, and how many of them have a reward."""
    ((found, rewarded),) = session.rows(
        "SELECT COUNT(*), COUNT(r.value) FROM penstock_units u LEFT JOIN penstock_rewards r "
        "ON r.experiment = u.experiment AND r.seq = u.seq AND r.metric = ? "
        "WHERE u.experiment = ? AND u.at > ? AND u.at <= ?",
        (experiment.rules.metric, experiment.id, after, until),
    )
    return Counts(found, found, rewarded)


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
        How many rows were removed; ``PRUNED_AT_A_TIME`` or more if there may be further ones.
    """
    old = "SELECT request FROM penstock_requests WHERE experiment = ? AND at < ? ORDER BY at LIMIT ?"
    sql = f"DELETE FROM penstock_requests WHERE experiment = ? AND request IN ({old})"
    requests = session.changed(sql, (experiment.id, experiment.id, until, PRUNED_AT_A_TIME))
    single = "SELECT seq FROM penstock_units WHERE experiment = ? AND at < ? AND single = 1 ORDER BY at, seq LIMIT ?"
    rows = session.rows(single, (experiment.id, until, PRUNED_AT_A_TIME))
    numbers = [seq for (seq,) in rows if seq <= min(cursor, experiment.closed_seq)]
    units = session.removed("penstock_units WHERE experiment = ? AND seq", (experiment.id,), numbers)
    session.removed("penstock_rewards WHERE experiment = ? AND seq", (experiment.id,), numbers)
    if requests or units:
        experiment.kept_requests -= requests
        experiment.kept_units -= units
        experiment.save(session)
    return requests + units
