"""The comparisons of all experiments in shadow mode of a process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from serving.experiments.modes.shadow_comparison import ShadowComparison

if TYPE_CHECKING:
    from serving.experiments.contract import Choice, Outcome
    from serving.experiments.document.models import ExperimentsDocument
    from serving.experiments.state.store import Store


class Shadows:
    """One comparison for each experiment in shadow mode."""

    def __init__(self) -> None:
        self._all: dict[str, tuple[float, ShadowComparison]] = {}

    def take(
        self,
        document: ExperimentsDocument,
        answered: Sequence[tuple[Choice, Outcome]],
        shadowed: Sequence[tuple[Choice, str, Outcome]],
    ) -> None:
        """Takes originals and copies; nothing is written."""
        for name, experiment in document.experiments.items():
            if experiment.mode.type != "shadow":
                self._all.pop(name, None)
                continue
            tolerance = experiment.mode.tolerance
            if name not in self._all or self._all[name][0] != tolerance:
                self._all[name] = (tolerance, ShadowComparison(name, tolerance))
            self._all[name][1].take(answered, shadowed)

    def add_to(self, store: Store) -> None:
        """Adds what was seen to what all replicas have seen; while the store is away it waits."""
        for _, comparison in list(self._all.values()):
            comparison.add_to(store)
