"""The shared state of experiments as the metrics show it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from serving.experiments.metrics.metrics import ArmState, ExperimentState
from serving.experiments.state.lifecycle import Phase

if TYPE_CHECKING:
    from serving.experiments.live.keeper import Keeper
    from serving.experiments.live.results import Results
    from serving.experiments.state.store import Store


def states(keeper: Keeper, store: Store) -> list[ExperimentState]:
    """Returns the experiments that run.

    Args:
        keeper: What this process knows.
        store: The state.

    Raises:
        StoreAwayError: The store does not answer.
    """
    found = []
    for name, experiment in keeper.world.document.experiments.items():
        if keeper.world.life(name).phase is not Phase.RUNNING or name not in keeper.results:
            continue
        layer, results = keeper.layer(experiment.layer), keeper.results[name]
        mismatch = bool(experiment.reward and results.evidence.mismatch())
        table = layer.table.version if layer else 0
        found.append(ExperimentState(name, tuple(_arms(keeper, store, name, results)), table, mismatch))
    return found


def _arms(keeper: Keeper, store: Store, name: str, results: Results) -> Iterator[ArmState]:
    out = keeper.world.life(name).out
    pending = store.pending(name)
    _, shares = keeper.world.shares_of(name)
    control = results.experiment.control
    removed = sum(share for arm, share in shares.items() if arm in out)
    for arm in results.experiment.arms:
        values = results.evidence.means[arm].values
        share = 0.0 if arm in out else shares.get(arm, 0.0) + (removed if arm == control else 0.0)
        waiting = pending[arm].pending if arm in pending else 0
        yield ArmState(arm, share, arm not in out, values.count, values.mean * values.count, waiting)
