"""Ends ramps that the document has overtaken: the later word holds, even if the document is put back to what it said before."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from serving.experiments.state.lifecycle import Lifecycle, change, read_lifecycle

if TYPE_CHECKING:
    from serving.experiments.document.models import ExperimentConfig, ExperimentsDocument
    from serving.experiments.state.store import Store


class Ramps:
    """The ramps of all experiments.

    Args:
        store: The state.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._overtaken: dict[str, ExperimentConfig] = {}

    def changed(self, before: ExperimentsDocument, after: ExperimentsDocument) -> None:
        """Notes experiments whose shares were edited."""
        for name, experiment in after.experiments.items():
            old = before.experiments.get(name)
            if old is not None and (old.share, old.shares()) != (experiment.share, experiment.shares()):
                self._overtaken[name] = experiment

    def settle(self) -> None:
        """Ends the ramps of experiments whose shares were edited.

        Raises:
            PenstockError: The store does not answer; the next call tries again.
        """
        for name, experiment in list(self._overtaken.items()):

            def ended(life: Lifecycle, now: ExperimentConfig = experiment) -> Lifecycle:
                return replace(life, ramp=life.ramp.held(now.share, now.shares()))

            life = read_lifecycle(self._store, name)
            if ended(life) != life:
                change(self._store, name, ended)
                text = f"the ramp of {name} ended, as the shares in its document were edited"
                self._store.event(name, "ramp_ended", text)
            del self._overtaken[name]
