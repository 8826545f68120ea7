"""The count of new labels is the known truth, and what an export has more since then, whatever happens to the rewards."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from foundation.errors import DataError, SpecError
from serving.experiments.document.models import ExperimentsDocument
from serving.experiments.log.labels import count_since, from_store
from serving.experiments.state.open import rules_of
from serving.experiments.state.sqlite import SqliteStore
from serving.experiments.state.store import Exposure, Reward

WINDOW, HOUR = 86400.0, 3600.0


def document(missing: str) -> ExperimentsDocument:
    reward = {"metric": "kept", "window": WINDOW, "missing": missing}
    arms = {"old": {"version": 1, "weight": "50%"}, "new": {"version": 2, "weight": "50%"}}
    experiment = {"model": "m", "control": "old", "arms": arms, "reward": reward}
    return ExperimentsDocument.model_validate(
        {"experiments": {"e": experiment, "bare": {**experiment, "reward": None}}}
    )


@dataclass
class Truth:
    """What really happened: unit → when it came first, and whether its reward came in time."""

    came: dict[str, float] = field(default_factory=dict)
    rewarded: set[str] = field(default_factory=set)

    def labels(self, since: float, now: float, missing: str) -> int:
        closed = [unit for unit, at in self.came.items() if since < at + WINDOW <= now]
        return len(closed if missing == "failure" else self.rewarded.intersection(closed))


@pytest.fixture(params=["failure", "excluded"])
def missing(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class World:
    """Days of a service, hour by hour, beside a store that sees them through a network that repeats and delays."""

    def __init__(self, store: SqliteStore, clock: list[float], seed: int) -> None:
        self.store, self.clock, self.truth = store, clock, Truth()
        self.chance = random.Random(seed)
        self.due: list[tuple[float, Reward, str]] = []

    def hour(self, number: int) -> None:
        """Has units come, some of them again, and rewards arrive: on time, twice, with another value, or too late."""
        now = self.clock[0]
        fresh = [f"u{number}-{n}" for n in range(self.chance.randrange(8))]
        again = self.chance.sample(sorted(self.truth.came), min(2, len(self.truth.came)))
        self.store.expose(
            [Exposure("e", unit, f"q{unit}-{number}", "new", 0.5) for unit in (*fresh, *again, *fresh)]
        )
        for unit in fresh:
            self.truth.came[unit] = now
            if self.chance.random() < 0.6:  # up to two windows later: half of these are too late
                at = now + self.chance.random() * 2 * WINDOW
                for repeat in range(self.chance.choice([1, 1, 2, 3])):
                    self.due.append(
                        (at + repeat * HOUR, Reward("e", "kept", float(repeat % 2), key=unit), unit)
                    )
        for at, reward, unit in [one for one in self.due if one[0] <= now]:
            self.due.remove((at, reward, unit))
            if now < self.truth.came[unit] + WINDOW:
                self.truth.rewarded.add(unit)
            self.store.reward([reward, Reward("e", "kept", 1.0, key=f"nobody-{unit}")])


@pytest.fixture
def world(tmp_path: Path, missing: str) -> Iterator[World]:
    clock = [1_790_000_000.0]
    store = SqliteStore(tmp_path / "experiments.db", lambda: clock[0])
    store.declare("e", rules_of(document(missing).experiments["e"].reward))
    yield World(store, clock, seed=7)
    store.close()


def test_it_is_the_truth_at_every_hour_since_every_training(world: World, missing: str) -> None:
    described = document(missing)
    trainings = [0.0]
    checked = 0
    for hour in range(200):
        world.hour(hour)
        now = world.clock[0]
        if hour % 47 == 46:
            trainings.append(now)
        for since in trainings:
            assert count_since(world.store, described, "e", since) == world.truth.labels(since, now, missing)
            checked += 1
        world.clock[0] += HOUR
    assert checked > 500
    assert 100 < len(world.truth.rewarded) < 0.5 * len(world.truth.came)


def test_it_is_what_an_export_has_more(world: World, missing: str) -> None:
    described = document(missing)
    reward = described.experiments["e"].reward
    assert reward is not None
    before = 0
    for hour in range(7 * 24):
        world.hour(hour)
        if hour % 24 == 23:
            now = world.clock[0]
            labels = len(from_store(world.store, "e", reward.counted))
            assert count_since(world.store, described, "e", now - 24 * HOUR) == labels - before
            before = labels
        world.clock[0] += HOUR
    assert before > 100


def test_what_the_state_has_forgotten_is_missing_from_old_counts_and_from_no_new_one(
    world: World, missing: str
) -> None:
    """Requests without a unit are forgotten some time after their window: of a training before that, too few are counted."""
    described, begun = document(missing), world.clock[0]
    for day in range(10):
        some = [Exposure("e", f"r{day}-{n}", f"r{day}-{n}", "new", 0.5) for n in range(10)]
        world.store.expose(some)
        world.store.reward([Reward("e", "kept", 1.0, request_id=one.request_id) for one in some])
        world.clock[0] += WINDOW
    _, cursor = world.store.matured("e", 0, 1000)
    assert world.store.prune("e", cursor, keep=7 * WINDOW) > 0
    assert count_since(world.store, described, "e", world.clock[0] - 5 * WINDOW) == 50
    assert 70 <= count_since(world.store, described, "e", begun) < 100


def test_what_cannot_be_counted_is_no_zero(world: World, missing: str, tmp_path: Path) -> None:
    described = document(missing)
    with pytest.raises(SpecError, match=r"one that declares a reward: e; .*without a reward"):
        count_since(world.store, described, "bare", 0)
    with pytest.raises(SpecError, match="none of this name"):
        count_since(world.store, described, "ee", 0)
    elsewhere = SqliteStore(tmp_path / "another.db")
    with pytest.raises(DataError, match="where the document's state is"):
        count_since(elsewhere, described, "e", 0)
    elsewhere.close()
