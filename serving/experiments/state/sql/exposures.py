"""Exposures: each unit is recorded once in an epoch, and each request of it, so that a reward can name either."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from serving.experiments.state.sql.schema import REQUESTS, UNITS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from serving.experiments.state.sql.experiments import Declared
    from serving.experiments.state.sql.session import Row, Session
    from serving.experiments.state.store import Exposure

REQUESTS_PER_UNIT: Final = 4
"""Request ids that are kept for each unit that may be kept, on average."""

Known = dict[tuple[int, str, int], str]
"""(experiment, key, epoch) → latest arm of units that are stored already, as far as memory recalls them."""


def expose(
    session: Session,
    batch: Sequence[Exposure],
    declared: Mapping[str, Declared],
    now: float,
    known: Mapping[tuple[int, str, int], str],
) -> Known:
    """Records exposures.

    Args:
        session: The transaction.
        batch: The exposures.
        declared: The experiments.
        now: The store's time.
        known: Units that need not be looked for.

    Returns:
        Units that are stored now; true only once the transaction is committed.
    """
    singles = {exposure.key for exposure in batch if exposure.key == exposure.request_id}
    by_experiment: defaultdict[str, list[Exposure]] = defaultdict(list)
    for exposure in batch:
        by_experiment[exposure.experiment].append(exposure)
    stored: Known = {}
    for name, exposures in by_experiment.items():
        experiment = declared.get(name)
        if experiment is None:
            session.count(name, Counter(undeclared=len(exposures)))
            continue
        counted: Counter[str] = Counter()
        new = _units(session, exposures, experiment, now, known, counted)
        _requests(session, exposures, experiment, now, known, new, counted)
        stored |= {place: arm for place, arm in new.items() if place[1] not in singles}
        experiment.save(session)
        session.count(name, counted)
    return stored


def _units(
    session: Session,
    exposures: Sequence[Exposure],
    experiment: Declared,
    now: float,
    known: Mapping[tuple[int, str, int], str],
    counted: Counter[str],
) -> Known:
    fresh: dict[tuple[str, int], Exposure] = {}
    for exposure in exposures:
        if known.get((experiment.id, exposure.key, exposure.epoch)) == exposure.arm:
            continue
        first = fresh.setdefault((exposure.key, exposure.epoch), exposure)
        counted["units_switched"] += first.arm != exposure.arm
    taken = _within_limit(session, list(fresh.values()), experiment, counted)
    stored: Known = {}
    # In the order of their arrival, whatever the arm: statistics that look after each unit need it.
    numbered = list(enumerate(taken, experiment.next_seq))
    experiment.next_seq += len(taken)
    for arm in dict.fromkeys(exposure.arm for exposure in taken):
        of_arm = [exposure for exposure in taken if exposure.arm == arm]
        rows = [_row(exposure, experiment.id, seq, now) for seq, exposure in numbered if exposure.arm == arm]
        inserted = session.insert_new("penstock_units", UNITS, rows)
        experiment.kept_units += inserted
        counted[f"units:{arm}"] += inserted
        counted["units_switched"] += _switched(session, of_arm, experiment.id) if inserted < len(rows) else 0
        # The arm seen last, not the first: a unit that was moved is counted once, not at each request.
        stored |= {(experiment.id, exposure.key, exposure.epoch): arm for exposure in of_arm}
    return stored


def _within_limit(
    session: Session, exposures: list[Exposure], experiment: Declared, counted: Counter[str]
) -> list[Exposure]:
    """Returns the exposures that may be stored; what is stored already may stay."""
    room = max(0, experiment.rules.most_units - experiment.kept_units)
    if len(exposures) <= room:
        return exposures
    keys = list({exposure.key for exposure in exposures})
    there = set(session.units("key, epoch", experiment.id, keys))
    old = [exposure for exposure in exposures if (exposure.key, exposure.epoch) in there]
    new = [exposure for exposure in exposures if (exposure.key, exposure.epoch) not in there]
    counted["units_beyond_limit"] += max(0, len(new) - room)
    return old + new[:room]


def _switched(session: Session, of_arm: Sequence[Exposure], experiment: int) -> int:
    """Returns how many of the units are stored with another arm."""
    epochs = {(exposure.key, exposure.epoch) for exposure in of_arm}
    keys = [exposure.key for exposure in of_arm]
    found = session.units("key, epoch, arm", experiment, keys)
    return sum((key, epoch) in epochs and arm != of_arm[0].arm for key, epoch, arm in found)


def _row(exposure: Exposure, experiment: int, seq: int, now: float) -> Row:
    return (
        experiment,
        seq,
        exposure.key,
        exposure.epoch,
        exposure.arm,
        now,
        exposure.propensity,
        exposure.table,
        _probabilities(tuple(exposure.propensities.items())),
        exposure.covariate,
        json.dumps(exposure.context) if exposure.context else None,
        int(exposure.key == exposure.request_id),
    )


@lru_cache(maxsize=256)
def _probabilities(items: tuple[tuple[str, float], ...]) -> str | None:
    return json.dumps(dict(items)) if items else None


def _requests(
    session: Session,
    exposures: Sequence[Exposure],
    experiment: Declared,
    now: float,
    known: Mapping[tuple[int, str, int], str],
    stored: Known,
    counted: Counter[str],
) -> None:
    """Records which unit each request was of, for the units that are stored."""
    rows = []
    for exposure in exposures:
        place = (experiment.id, exposure.key, exposure.epoch)
        if exposure.request_id not in ("", exposure.key) and (place in known or place in stored):
            rows.append((experiment.id, exposure.request_id, exposure.key, exposure.epoch, now))
    room = max(0, REQUESTS_PER_UNIT * experiment.rules.most_units - experiment.kept_requests)
    counted["requests_beyond_limit"] += max(0, len(rows) - room)
    experiment.kept_requests += session.insert_new("penstock_requests", REQUESTS, rows[:room])
