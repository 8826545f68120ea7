"""What the state knows of a document's experiments, read without changing anything."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from foundation.errors import PenstockError
from foundation.numbers import bound
from serving.experiments.assignment.layer import LayerState
from serving.experiments.assignment.table import FREE, Owner
from serving.experiments.assignment.units import SLOTS
from serving.experiments.live.plan import Allocation, World
from serving.experiments.state.lifecycle import read_lifecycle, results_key, table_key
from serving.experiments.state.open import open_store

if TYPE_CHECKING:
    from serving.experiments.document.models import ExperimentsDocument
    from serving.experiments.state.store import Store

_SHOWN = 6


@dataclass(frozen=True)
class Known:
    """What the state knows.

    Attributes:
        world: The document with the lives and allocations of its experiments.
        layers: Layer → its state.
        why_not: Why the state was not read; empty if it was.
    """

    world: World
    layers: dict[str, LayerState] = field(default_factory=dict)
    why_not: str = ""


@dataclass(frozen=True)
class Move:
    """What a document moves in a layer.

    Attributes:
        layer: The layer.
        share: Share of its units that move.
        changes: From whom to whom, with the share of the layer's units, largest first.
    """

    layer: str
    share: float
    changes: tuple[tuple[str, str, float], ...]

    def line(self) -> str:
        """Returns it in one line."""
        if not self.share:
            return f"layer {self.layer}: no unit moves"
        listed = [f"{bound(share)} from {giver} to {taker}" for giver, taker, share in self.changes[:_SHOWN]]
        more = ["…"] if len(self.changes) > _SHOWN else []
        return f"layer {self.layer}: {bound(self.share)} of the units move: {', '.join([*listed, *more])}"


def known_state(document: ExperimentsDocument, folder: Path) -> Known:
    """Reads what the state knows; a state that is not there or does not answer is no error.

    Args:
        document: The document.
        folder: Its folder.
    """
    world = World(document)
    variable = document.state.postgresql
    if variable is None and not (folder / document.state.sqlite).exists():
        return Known(world, why_not=f"{document.state.sqlite} is not there yet: nothing was started")
    if variable is not None and not os.environ.get(variable):
        return Known(world, why_not=f"not read: {variable} is not set here")
    try:
        store = open_store(document.state, folder)
        try:
            return _read(document, store)
        finally:
            store.close()
    except PenstockError as error:
        return Known(world, why_not=f"not read: {error}")


def _read(document: ExperimentsDocument, store: Store) -> Known:
    lives = {name: read_lifecycle(store, name) for name in document.experiments}
    allocations = {}
    for name, experiment in document.experiments.items():
        found = store.read(results_key(name))
        learned = found[1].get("allocator", {}) if found else {}
        if experiment.mode.learns and learned:
            shares = dict(learned.get("probabilities", {}))
            allocations[name] = Allocation(int(learned.get("interval", -1)), shares, learned)
    layers = {}
    troubles = []
    for layer in dict.fromkeys(experiment.layer for experiment in document.experiments.values()):
        stored = store.read(table_key(layer))
        try:
            if stored is not None:
                layers[layer] = LayerState.from_json(stored[1])
        except ValueError as error:
            troubles.append(f"layer {layer}: {error}")
    return Known(World(document, lives, allocations), layers, "; ".join(troubles))


def moves(document: ExperimentsDocument, known: Known) -> Iterator[Move]:
    """Yields what each layer that is in force would move if the document took effect now."""
    for layer, state in known.layers.items():
        shares, draws = known.world.wanted(layer)
        salt = document.salt(layer)
        try:
            after = state.moved_to(salt, shares, draws, document.version, 0.0, 0.0).table
        except ValueError as error:
            yield Move(layer, 0.0, ((f"nothing: {error}", "nothing", 0.0),))
            continue
        if after.salt != state.table.salt:
            yield Move(layer, 1.0, (("the old salt", "the new one", 1.0),))
            continue
        changed = Counter(
            (before, now) for before, now in zip(state.table.slots, after.slots, strict=True) if before != now
        )
        listed = tuple(
            (_words(giver), _words(taker), count / SLOTS) for (giver, taker), count in changed.most_common()
        )
        yield Move(layer, changed.total() / SLOTS, listed)


def _words(owner: Owner) -> str:
    return "nobody" if owner == FREE else "/".join(part for part in owner if part)
