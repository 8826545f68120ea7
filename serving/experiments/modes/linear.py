"""A contextual linear bandit: LinTS or LinUCB on standardised features, with probabilities that are the propensities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from serving.experiments.modes.mode import LEARNING, ArmRewards, ContextualMode
from serving.experiments.modes.regression import Regression
from serving.experiments.modes.snapshots import Snapshot, Snapshots
from serving.experiments.modes.standard import Scale, context_of

if TYPE_CHECKING:
    from serving.experiments.modes.config import ModeConfig

_FIRST_ROWS = 30
"""Rewards before features are standardised; until then shares are the document's."""
_RECENT = 200
"""Contexts over which ``allocate`` averages, to show what shares come of it."""


class Linear(ContextualMode):
    """A ridge regression an arm. Thompson: an arm's probability of being best for the context; ucb: the highest bound.

    Bounded change is exact for every context: what is served is the average of the last snapshots of the parameters, each
    with at most the weight ``step``, and an interval replaces one. A request's probabilities are computed from them
    and from normal draws that are fixed by the seed, so that the same context has the same probabilities on all replicas.
    """

    type: ClassVar[str] = "linear"
    keys: ClassVar[frozenset[str]] = LEARNING | {"features", "policy", "exploration", "ridge"}

    def __init__(self, config: ModeConfig, control: str, *, binary: bool) -> None:
        super().__init__(config, control, binary=binary)
        self._scale: Scale | None = None
        self._waiting: list[tuple[str, list[float | None], float]] = []
        self._recent: list[list[float | None]] = []
        self._arms: dict[str, Regression] = {}
        self._snapshots = Snapshots(config)
        self._order: list[str] = []

    def context(self, features: Mapping[str, object]) -> list[float | None]:
        """Returns the numbers of a context; None where a number is missing."""
        return context_of(self.config.features, features)

    def probabilities(
        self, context: Sequence[float | None], arms: Sequence[str] | None = None
    ) -> list[float]:
        """Returns each arm's probability for this context: the propensity."""
        names = list(arms) if arms is not None else self._order
        z = self._scale.apply(context) if self._scale else None
        best = self._snapshots.shares(z, names)
        floors = self.config.floors(len(names), names.index(self.control))
        total = sum(floors)
        if total > 1:
            return [low / total for low in floors]
        return [low + (1 - total) * share for low, share in zip(floors, best, strict=True)]

    def learn(self, arm: str, context: Sequence[float | None], reward: float) -> None:
        """Takes the reward of a unit whose window has closed; it counts from the next interval on."""
        self._waiting.append((arm, list(context), float(reward)))
        self._recent = [*self._recent[1 - _RECENT :], list(context)]

    def allocate(self, arms: Sequence[ArmRewards], current: Sequence[float], rng: Any) -> list[float]:
        """Freezes the next interval's parameters; returns the mean probabilities over recent contexts."""
        self._order = [arm.arm for arm in arms]
        if not self._snapshots:
            self._snapshots.begin(dict(zip(self._order, current, strict=True)))
        if self._scale is None and len(self._waiting) >= _FIRST_ROWS:
            self._scale = Scale.of([context for _, context, _ in self._waiting])
        if self._scale:
            self._count(self._scale)
            self._snapshots.add(Snapshot.of(self._arms, self.config, binary=self.binary))
        contexts = self._recent or [self.context({})]
        rows = [self.probabilities(context) for context in contexts]
        return [sum(column) / len(rows) for column in zip(*rows, strict=True)]

    def _count(self, scale: Scale) -> None:
        kept = 0.5 ** (self.config.every / self.config.half_life) if self.config.half_life else 1.0
        for regression in self._arms.values():
            regression.fade(kept)
        for arm, context, reward in self._waiting:
            if arm not in self._arms:
                self._arms[arm] = Regression.empty(1 + len(context))
            self._arms[arm].add(scale.apply(context), reward)
        self._waiting = []

    def _features(self) -> dict[str, Any]:
        return {
            name: values if values == "number" else list(values)
            for name, values in self.config.features.items()
        }

    def wishes(self, arms: Sequence[ArmRewards], rng: Any) -> list[float]:
        """Returns the mean probabilities over recent contexts."""
        return self.allocate(arms, [1.0] * len(arms), rng)

    def to_json(self) -> dict[str, Any]:
        """Returns all that was learned, and the frozen parameters, as plain JSON."""
        return {
            "features": self._features(),
            "scale": self._scale.to_json() if self._scale else None,
            "waiting": [list(row) for row in self._waiting],
            "recent": self._recent,
            "arms": {name: regression.to_json() for name, regression in self._arms.items()},
            "snapshots": self._snapshots.to_json(),
            "order": self._order,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes back what ``to_json`` returned, unless it was learned from other features."""
        if not state or state["features"] != self._features():
            return
        self._scale = Scale(**state["scale"]) if state["scale"] else None
        self._waiting = [(arm, list(context), reward) for arm, context, reward in state["waiting"]]
        self._recent = [list(context) for context in state["recent"]]
        self._arms = {name: Regression(**regression) for name, regression in state["arms"].items()}
        self._snapshots.restore(state["snapshots"])
        self._order = list(state["order"])
