"""Reads the units of an experiment: arms, probabilities and rewards from the state, inputs from the prediction log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from foundation.errors import DataError, SpecError
from serving.experiments.log.schema import INPUT, column_name
from serving.experiments.state.open import open_store
from serving.experiments.statistics.asked import design_in
from serving.experiments.statistics.off_policy.judge import Unit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from serving.experiments.document.models import ExperimentsDocument
    from serving.experiments.state.store import Matured, Store


@dataclass(frozen=True)
class Units:
    """The units of an experiment that count.

    Attributes:
        units: Oldest first.
        unlogged: Units that are left out because the log has no row of them.
    """

    units: tuple[Unit, ...]
    unlogged: int = 0


def read_units(document: ExperimentsDocument, folder: Path, name: str, feature: str = "") -> Units:
    """Returns the units whose window is closed.

    Args:
        document: The document of experiments.
        folder: Its folder.
        name: The experiment's name.
        feature: The logged input that the policy goes by; empty if it goes by none.

    Raises:
        SpecError: There is no such experiment, reward, log or input.
        DataError: No unit counts yet.
        StorageError: State or log cannot be read.
    """
    design = design_in(document, name)
    values = _values(document, folder, name, feature) if feature else {}
    store = open_store(document.state, folder)
    try:
        rows = list(_matured(store, name))
    finally:
        store.close()
    units, unlogged = [], 0
    for row in rows:
        reward = design.counted(row.reward)
        if reward is None or not row.propensity > 0:
            continue
        if feature and row.key not in values:
            unlogged += 1
        else:
            units.append(Unit(row.arm, row.propensity, reward, values.get(row.key)))
    if not units:
        raise DataError(
            f"experiment {name}",
            expected="units whose window is closed"
            + (", with a row in the prediction log" if feature else ""),
            seen=f"none of {len(rows):,}",
            remedy="wait until the first windows are closed" if not unlogged else "check log.directory",
        )
    return Units(tuple(units), unlogged)


def _matured(store: Store, name: str) -> Iterator[Matured]:
    cursor = 0
    while True:
        rows, after = store.matured(name, cursor)
        yield from rows
        if after == cursor:
            return
        cursor = after


def _values(document: ExperimentsDocument, folder: Path, name: str, feature: str) -> dict[str, object]:
    """Returns unit or request → the value of an input in its first logged row."""
    from serving.experiments.log.read import tables

    if document.log is None:
        raise SpecError(
            f"policy: feature {feature}",
            expected="a prediction log with the inputs",
            seen="a document without log",
            remedy="take a policy without a feature, or add log: {directory: …} before the next experiment",
        )
    column = column_name(INPUT, feature)
    found: dict[str, object] = {}
    for table in tables(folder / document.log.directory, name):
        if column not in table.column_names:
            inputs = [c.removeprefix(f"{INPUT}_") for c in table.column_names if c.startswith(f"{INPUT}_")]
            raise SpecError(
                f"policy: feature {feature}",
                expected=f"one of {', '.join(inputs)}" if inputs else "an input that is logged",
                seen="no such column in the log",
            )
        rows = table.select(["unit", "request_id", "row_index", column]).to_pydict()
        for unit, request, index, value in zip(*rows.values(), strict=True):
            if index == 0:
                found.setdefault(unit or request, value)
    return found
