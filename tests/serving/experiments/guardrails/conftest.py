"""A watched experiment on a real SQLite state, and answers as a data plane hands them over."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from serving.codes import Code
from serving.experiments.contract import Choice, Outcome, Target
from serving.experiments.guardrails.alerts import Alerts
from serving.experiments.guardrails.config import GuardrailsConfig
from serving.experiments.guardrails.guardrails import Guardrails
from serving.experiments.state.lifecycle import change, read_lifecycle
from serving.experiments.state.sqlite import SqliteStore

Answer = tuple[Choice, Outcome]


class Heard(Alerts):
    """A test double of the alert hook: keeps what it would send."""

    def __init__(self) -> None:
        super().__init__(None)
        self.alerts: list[dict[str, Any]] = []

    def send(self, alert: Any) -> None:
        self.alerts.append(dict(alert))


class Clock:
    """A test double of the store's clock."""

    def __init__(self, at: float = 1_000_000.0) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at


@dataclass
class Watch:
    """One replica's guardrails."""

    store: SqliteStore
    config: GuardrailsConfig
    shares: dict[str, float]
    now: float = 100.0
    heard: Heard = field(default_factory=Heard)
    numbers: Any = field(default_factory=itertools.count)
    by_request: bool = False
    clock: Clock = field(default_factory=lambda: Clock())

    def __post_init__(self) -> None:
        control, *arms = self.shares
        self.guardrails = Guardrails(
            "exam",
            self.config,
            control,
            arms,
            self.store,
            self.heard,
            lambda: self.now,
            by_request=self.by_request,
        )

    def answer(self, arm: str, code: int = Code.OK, unit: str | None = None, **given: Any) -> Answer:
        """Returns an answer of an arm; by default of a new unit, quick and good."""
        self.now += 0.01
        name = next(self.numbers) if unit is None else int.from_bytes(unit.encode(), "big")
        pairs = tuple(self.shares.items())
        digest = (
            b"" if self.by_request else struct.pack("<QQ", name * 0x9E3779B97F4A7C15 % 2**64, name % 2**64)
        )
        choice = Choice("exam", arm, Target("m"), self.shares[arm], digest, "d", 1, probabilities=pairs)
        fields = {"seconds": 0.01, "response": b'{"predictions": [0.5]}', **given}
        return choice, Outcome(f"r{name}", "rest", "predict", self.now, code=code, request=b"", **fields)

    def take(self, *answers: Answer) -> dict[str, str]:
        """Hands answers over, checks at once and a second later; returns why arms are out."""
        self.guardrails.take(answers)
        self.tick()
        self.now += 2
        return self.tick()

    def tick(self) -> dict[str, str]:
        """Checks; returns why arms are out."""
        self.guardrails.check(read_lifecycle(self.store, "exam"))
        return {arm: out.reason for arm, out in read_lifecycle(self.store, "exam").out.items()}

    def readmit(self, arm: str) -> None:
        """Lets an arm in again, as a person does."""
        change(self.store, "exam", lambda life: life.readmitted(arm))


Watcher = Callable[..., Watch]


@pytest.fixture
def watcher(tmp_path: Path) -> Iterator[Watcher]:
    """Opens the guardrails of one more replica on the same state."""
    opened: list[SqliteStore] = []

    clock = Clock()

    def make(shares: dict[str, float] | None = None, *, by_request: bool = False, **settings: Any) -> Watch:
        opened.append(SqliteStore(tmp_path / "experiments.db", clock))
        config = GuardrailsConfig.model_validate(settings)
        given = shares or {"old": 0.5, "new": 0.5}
        return Watch(opened[-1], config, given, by_request=by_request, clock=clock)

    yield make
    for store in opened:
        store.close()
