"""Rewards: which unit each is of, and what becomes of it. Nothing counts twice, however often it is reported."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from serving.experiments.state.sql.schema import REWARDS
from serving.experiments.state.store import Receipt, Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from serving.experiments.state.sql.experiments import Declared
    from serving.experiments.state.sql.session import Session
    from serving.experiments.state.store import Reward


_REPLACING: Final = "(experiment, seq, metric) DO UPDATE SET value = excluded.value, at = excluded.at"


@dataclass(frozen=True, slots=True)
class _Unit:
    seq: int
    at: float
    arm: str


def reward(
    session: Session, batch: Sequence[Reward], declared: Mapping[str, Declared], now: float, again: bool
) -> list[Receipt]:
    """Records rewards.

    Args:
        session: The transaction.
        batch: The rewards, in the order in which they were reported.
        declared: The experiments.
        now: The store's time.
        again: Whether unknown ones will be tried again: they are not counted.

    Returns:
        One receipt for each.
    """
    receipts: list[Receipt | None] = [None] * len(batch)
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, one in enumerate(batch):
        places[one.experiment].append(place)
    for name, chosen in places.items():
        experiment = declared.get(name)
        some = [batch[place] for place in chosen]
        if experiment is None:
            answers = [Receipt(Status.UNKNOWN, name) for _ in some]
            session.count(name, Counter(unknown=0 if again else len(some)))
        else:
            answers = _of_experiment(session, some, experiment, now, again)
        for place, answer in zip(chosen, answers, strict=True):
            receipts[place] = answer
    return [receipt for receipt in receipts if receipt is not None]


def _of_experiment(
    session: Session, rewards: Sequence[Reward], experiment: Declared, now: float, again: bool
) -> list[Receipt]:
    units = _units(session, rewards, experiment)
    numbers = sorted({unit.seq for unit in units if unit is not None})
    sql = "SELECT seq, value FROM penstock_rewards WHERE experiment = ? AND metric = ? AND seq"
    values: dict[int, float] = dict(session.listed(sql, (experiment.id, experiment.rules.metric), numbers))  # type: ignore[arg-type]
    counted: Counter[str] = Counter()
    receipts, changed = [], set()
    for one, unit in zip(rewards, units, strict=True):
        receipt = _decided(one, unit, values, experiment, now)
        counted[receipt.status.value] += 1
        if unit is not None and receipt.status in (Status.ACCEPTED, Status.REPLACED):
            values[unit.seq] = one.value
            changed.add(unit.seq)
            counted[f"rewarded:{unit.arm}"] += receipt.status is Status.ACCEPTED
        receipts.append(receipt)
    metric = experiment.rules.metric
    rows = [(experiment.id, seq, metric, values[seq], now) for seq in sorted(changed)]
    session.insert("penstock_rewards", REWARDS, rows, _REPLACING)
    if again:
        del counted[Status.UNKNOWN.value]
    session.count(experiment.name, counted)
    return receipts


def _decided(
    one: Reward, unit: _Unit | None, values: Mapping[int, float], experiment: Declared, now: float
) -> Receipt:
    name, rules = experiment.name, experiment.rules
    if one.metric != rules.metric:
        return Receipt(Status.REFUSED, name)
    if unit is None:
        return Receipt(Status.UNKNOWN, name)
    before = values.get(unit.seq)
    if before == one.value:
        return Receipt(Status.REPEATED, name, before)
    if now >= unit.at + rules.window or unit.seq <= experiment.closed_seq:
        return Receipt(Status.LATE, name, before)
    if before is None:
        return Receipt(Status.ACCEPTED, name, one.value)
    if rules.repeated == "last":
        return Receipt(Status.REPLACED, name, one.value)
    return Receipt(Status.CONFLICTING, name, before)


def _units(session: Session, rewards: Sequence[Reward], experiment: Declared) -> list[_Unit | None]:
    """Returns the unit of each reward; of a unit with several epochs the latest."""
    keys = sorted({one.key for one in rewards if one.key})
    requests = sorted({one.request_id for one in rewards if not one.key})
    of_key = _by_key(session, keys, experiment.id)
    of_request = _by_request(session, requests, experiment.id)
    rest = [request for request in requests if request not in of_request]
    of_request |= _by_key(session, rest, experiment.id, single=1)
    return [of_key.get(one.key) if one.key else of_request.get(one.request_id) for one in rewards]


def _by_key(session: Session, keys: Sequence[str], experiment: int, single: int = 0) -> dict[str, _Unit]:
    found: dict[str, _Unit] = {}
    for key, seq, at, arm, alone in session.units("key, seq, at, arm, single", experiment, keys):
        if alone >= single and (key not in found or seq > found[key].seq):
            found[key] = _Unit(seq, at, arm)
    return found


def _by_request(session: Session, requests: Sequence[str], experiment: int) -> dict[str, _Unit]:
    sql = (
        "SELECT r.request, u.seq, u.at, u.arm FROM penstock_requests r JOIN penstock_units u "
        "ON u.experiment = r.experiment AND u.key = r.key AND u.epoch = r.epoch "
        "WHERE r.experiment = ? AND r.request"
    )
    rows = session.listed(sql, (experiment,), requests)
    return {request: _Unit(seq, at, arm) for request, seq, at, arm in rows}
