"""What an experiment has shown, and what its mode has learned: one document with the cursors of the units in it.

Whichever replica writes the document first has counted the units; the others find its version changed, take the newer one
and count from there. So each unit counts once, however many replicas there are and whenever one is killed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from serving.experiments.guardrails.missing import take_closed
from serving.experiments.live.compile import allocator_of
from serving.experiments.live.plan import Allocation, Kind, kind_of
from serving.experiments.state.lifecycle import Lifecycle, Phase, results_key
from serving.experiments.statistics.design import Design, design_of
from serving.experiments.statistics.evidence import Evidence

if TYPE_CHECKING:
    from serving.experiments.document.models import ExperimentConfig
    from serving.experiments.modes.allocator import Allocator
    from serving.experiments.state.store import Matured, Store

FORMAT: Final = 1
_PAGE: Final = 1000
_MOST_PAGES: Final = 5


def design_of_experiment(experiment: ExperimentConfig) -> Design:
    """Returns an experiment's design for the statistics."""
    return design_of(
        experiment.arms,
        experiment.control,
        experiment.reward,
        experiment.planned,
        bool(experiment.unit.request),
    )


class Results:
    """The results of one experiment.

    Args:
        name: The experiment's name.
        experiment: The experiment, as the document has it now.
        store: The state.
    """

    def __init__(self, name: str, experiment: ExperimentConfig, store: Store) -> None:
        self.name, self.experiment, self._store = name, experiment, store
        self.version = 0
        self.evidence = Evidence(design_of_experiment(experiment))
        self.allocation = Allocation()
        self._allocator: Allocator | None = None
        self._cursor = 0
        self._every = 0.0

    @property
    def cursor(self) -> int:
        """Up to where units were evaluated."""
        return self._cursor

    def read(self, weights: Mapping[str, float]) -> None:
        """Takes the stored document, if it is another than before.

        Args:
            weights: Arm → share at the start.
        """
        version, value = self._store.read(results_key(self.name)) or (0, {})
        if version == self.version and self._allocator is not None:
            return
        self.evidence = Evidence.from_json(design_of_experiment(self.experiment), value.get("evidence"))
        self._allocator = allocator_of(self.experiment, weights)
        self._allocator.restore(value.get("allocator", {}))
        self._cursor = int(value.get("cursor", 0))
        self._every = float(value.get("every", self._allocator.config.every))
        self.version = version
        self._publish(value.get("allocator", {}))

    def step(self, life: Lifecycle, weights: Mapping[str, float], now: float) -> bool:
        """Counts what is new, and begins the next interval if it is time.

        Args:
            life: The experiment's life.
            weights: Arm → share at the start.
            now: The store's time.

        Returns:
            Whether there may be more to count.
        """
        self.read(weights)
        assigned, after_assigned = self._store.assigned(self.name, self.evidence.cursor, _PAGE)
        matured, after_matured = self._store.matured(self.name, self._cursor, _PAGE)
        due = self._due(life, now)
        if not (assigned or matured or due):
            return False
        try:
            self.evidence.assign(assigned)
            self._take(matured, life.out)
            self.evidence.cursor, self._cursor = after_assigned, after_matured
            if due:
                self._advance(life, now)
            value = self._value()
            written = self._store.write(results_key(self.name), value, self.version)
        except BaseException:
            self.forget()
            raise
        if written:
            self.version += 1
            self._publish(value["allocator"])
        else:
            self.forget()
        return not written or max(len(assigned), len(matured)) >= _PAGE

    def forget(self) -> None:
        """Lets the next call read the stored document anew."""
        self._allocator = None

    def _take(self, matured: Sequence[Matured], out: Collection[str]) -> None:
        assert self._allocator is not None
        units = take_closed(self.evidence, matured, out)
        values = [(unit, self.evidence.design.counted(unit.reward)) for unit in units]
        self._allocator.learn((u.arm, value, u.context) for u, value in values if value is not None)

    def _due(self, life: Lifecycle, now: float) -> bool:
        """Returns whether the next interval begins. The first one has the shares of the document."""
        allocator = self._allocator
        assert allocator is not None
        if not self.experiment.mode.learns or life.phase is not Phase.RUNNING:
            return False
        interval = allocator.interval_at(now)
        if allocator.interval < 0:
            return kind_of(self.experiment) is Kind.CONTEXT or interval > allocator.interval_at(life.since)
        known, arms = set(allocator.probabilities), set(self.experiment.arms)
        # Arms that are new or back in, and those that the document does not have any more, do not wait.
        changed = not known <= arms or not arms - set(life.out) <= known
        return interval > allocator.interval or changed or self._every != allocator.config.every

    def _advance(self, life: Lifecycle, now: float) -> None:
        assert self._allocator is not None
        pending = {arm: counts.pending for arm, counts in self._store.pending(self.name).items()}
        present = [
            arm for arm in self.experiment.arms if arm not in life.out or arm == self.experiment.control
        ]
        interval = self._allocator.interval_at(now)
        if self._every != self._allocator.config.every:
            # The document has another interval now, so that its number says nothing about the former ones.
            self._allocator.interval, self._every = interval - 1, self._allocator.config.every
        self._allocator.advance(interval, present, pending)

    def _value(self) -> dict[str, Any]:
        assert self._allocator is not None
        return {
            "format": FORMAT,
            "cursor": self._cursor,
            "every": self._every,
            "evidence": self.evidence.to_json(),
            "allocator": self._allocator.to_json(),
        }

    def _publish(self, learned: Mapping[str, Any]) -> None:
        assert self._allocator is not None
        if self.experiment.mode.learns:
            number = self._allocator.interval
            if number != self.allocation.number or self.allocation.shares != self._allocator.probabilities:
                self.allocation = Allocation(number, dict(self._allocator.probabilities), learned)


def all_steps(results: Results, life: Lifecycle, weights: Mapping[str, float], now: float) -> None:
    """Counts what is new, a few thousand units at most, so that nothing else waits for long."""
    for _ in range(_MOST_PAGES):
        if not results.step(life, weights, now):
            return
