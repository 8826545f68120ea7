"""A data plane in name only: it asks for a choice, and says at once what became of the request."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from serving.experiments.contract import Choice, Outcome
from serving.experiments.live.live import Live
from serving.experiments.state.lifecycle import Phase, change
from serving.experiments.state.sqlite import SqliteStore
from serving.experiments.state.store import Reward

_NUMBERS = itertools.count()


class Clock:
    """The time of a store, which a test moves."""

    def __init__(self, at: float = 1_000_000.0) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at


@dataclass
class Plane:
    """One process with experiments.

    Attributes:
        live: Its experiments.
        clock: The store's clock.
        arms: Unit → the arms that it got.
    """

    live: Live
    clock: Clock
    arms: dict[str, set[str]] = field(default_factory=dict)

    def call(
        self,
        unit: str | None,
        model: str = "m",
        code: int = 0,
        seconds: float = 0.001,
        request_id: str = "",
        features: Mapping[str, object] | None = None,
    ) -> tuple[Choice | None, str]:
        """Sends a request; returns the choice and the request's id."""
        request_id = request_id or f"r{next(_NUMBERS)}"
        route = self.live.route(model)
        choice = route.choose(unit, request_id, lambda: features or {}) if route else None
        if route is not None and choice is not None:
            body = json.dumps({"instances": [dict(features or {})]}).encode()
            outcome = Outcome(request_id, "rest", "predict", time.time(), seconds, code, body, b"{}")
            route.answered(choice, outcome)
            if unit is not None:
                self.arms.setdefault(unit, set()).add(choice.arm)
        return choice, request_id

    def rewards(self, experiment: str, values: Mapping[str, float]) -> None:
        """Reports rewards by request."""
        found = [Reward(experiment, "reward", value, request_id=request) for request, value in values.items()]
        assert {receipt.status.value for receipt in self.live.store.reward(found)} == {"accepted"}

    def phase(self, experiment: str, phase: Phase, arm: str = "") -> None:
        """Moves an experiment into a phase, as a command does."""
        change(self.live.store, experiment, lambda life: life.moved_to(phase, self.clock.at, arm))
        self.live.tick()

    def start(self, *experiments: str) -> None:
        """Starts experiments."""
        for experiment in experiments:
            self.phase(experiment, Phase.RUNNING)

    def passes(self, seconds: float) -> None:
        """Lets time pass."""
        self.clock.at += seconds
        self.live.tick()


def plane(document: Path, clock: Clock, lead: float = 0.0) -> Plane:
    """Returns a process on a document; its state is beside it."""
    store = SqliteStore(document.parent / "state.db", clock)
    return Plane(Live(document, store=store, lead=lead), clock)
