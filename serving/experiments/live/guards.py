"""The guardrails of all experiments of a process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from serving.experiments.guardrails.guardrails import Guardrails
from serving.experiments.state.lifecycle import Phase

if TYPE_CHECKING:
    from serving.experiments.contract import Choice, Outcome
    from serving.experiments.document.models import ExperimentConfig
    from serving.experiments.guardrails.alerts import Alerts
    from serving.experiments.live.plan import World
    from serving.experiments.live.results import Results
    from serving.experiments.state.store import Store


class Guards:
    """One ``Guardrails`` for each experiment that runs; made anew when the document changes it.

    Args:
        store: The state.
        alerts: Who hears of it.
    """

    def __init__(self, store: Store, alerts: Alerts) -> None:
        self._store, self._alerts = store, alerts
        self._all: dict[str, tuple[ExperimentConfig, Guardrails]] = {}

    def take(self, world: World, batch: Sequence[tuple[Choice, Outcome]]) -> None:
        """Takes answers; nothing waits here.

        Args:
            world: The experiments as they are.
            batch: The answers of all experiments.
        """
        by_experiment: dict[str, list[tuple[Choice, Outcome]]] = {}
        for pair in batch:
            by_experiment.setdefault(pair[0].experiment, []).append(pair)
        for name, pairs in by_experiment.items():
            guard = self._of(world, name)
            if guard is not None:
                guard.take(pairs)

    def check(self, world: World, results: Mapping[str, Results]) -> None:
        """Takes arms out that break a rule.

        Args:
            world: The experiments as they are.
            results: What they have shown.

        Raises:
            StoreAwayError: The store does not answer; arms that are to go are out in this process already.
        """
        for name in world.document.experiments:
            guard = self._of(world, name)
            if guard is not None:
                found = results.get(name)
                guard.check(world.life(name), found.evidence if found else None)

    def pending(self) -> Iterable[tuple[str, str, str]]:
        """Yields experiment, arm and reason of what is to be taken out, where the store does not know yet."""
        for name, (_, guard) in self._all.items():
            for arm, reason in guard.pending.items():
                yield name, arm, reason

    def close(self) -> None:
        """Adds what was counted since the last sums."""
        for _, guard in self._all.values():
            guard.close()

    def _of(self, world: World, name: str) -> Guardrails | None:
        experiment = world.document.experiments.get(name)
        if experiment is None or world.life(name).phase is not Phase.RUNNING:
            self._all.pop(name, None)
            return None
        known = self._all.get(name)
        if known is None or known[0] != experiment:
            others = [arm for arm in experiment.arms if arm != experiment.control]
            guard = Guardrails(
                name,
                experiment.guardrails,
                experiment.control,
                others,
                self._store,
                self._alerts,
                by_request=bool(experiment.unit.request),
            )
            self._all[name] = known = (experiment, guard)
        return known[1]
