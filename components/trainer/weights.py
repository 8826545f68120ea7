"""Weights next to the served model, for a later run to start from (a SavedModel cannot be trained further).

Words move: the third most frequent country today may be the fifth tomorrow. So rows that belong to words are carried
over by word, not by position.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from components.trainer.features import FeatureDescription
from components.trainer.matrices import Matrices
from components.trainer.models.parts import DEEP, WIDE
from foundation.publish import published_folder

WEIGHTS = "weights.npz"
DESCRIPTION = "description.json"

Weight = tuple[str, np.ndarray]
"""Path and value of an earlier model's weight."""


@dataclass(frozen=True)
class WarmStart:
    """Whether an earlier model's weights were used, and why or why not."""

    used: bool
    reason: str


def save(model: keras.Model, features: Sequence[FeatureDescription], folder: Path) -> None:
    """Writes weights and their features."""
    with published_folder(folder) as temporary:
        arrays = {str(index): np.asarray(variable) for index, variable in enumerate(model.weights)}
        np.savez(temporary / WEIGHTS, **arrays)
        description = {
            "weights": [{"path": v.path, "shape": list(v.shape)} for v in model.weights],
            "features": [f.__dict__ for f in features],
        }
        (temporary / DESCRIPTION).write_text(json.dumps(description), encoding="utf-8")


def restore(model: keras.Model, features: Sequence[FeatureDescription], folder: Path) -> WarmStart:
    """Gives a model the weights of an earlier one if both have the same architecture.

    Args:
        model: The new model, built.
        features: The new model's inputs.
        folder: The ``keras`` folder of the earlier model.

    Returns:
        Whether the weights were used, and why or why not.
    """
    if not (folder / DESCRIPTION).is_file():
        return WarmStart(False, f"the earlier model has no weights at {folder}")
    before, arrays = _read(folder)
    difference = _difference(model, features, arrays, before)
    if difference:
        return WarmStart(False, difference)
    moved = 0
    for variable, (_, old) in zip(_by_path(model), arrays, strict=True):
        new = np.array(variable)
        rows = row_map(variable.path, before, features)
        if rows is None:
            new = old
        else:
            new[rows[:, 1]] = old[rows[:, 0]]
            moved += len(rows)
        variable.assign(new)
    return WarmStart(True, f"{len(arrays)} weights used, {moved} rows matched by word")


def _by_path(model: keras.Model) -> list[Any]:
    """Returns the weights in an order that does not depend on that of the layers."""
    return sorted(model.weights, key=lambda variable: str(variable.path))


def _read(folder: Path) -> tuple[list[FeatureDescription], list[Weight]]:
    """Returns the features and the weights of an earlier model, sorted by path."""
    description = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    features = [
        FeatureDescription(**{**f, "vocabulary": tuple(f["vocabulary"])}) for f in description["features"]
    ]
    with np.load(folder / WEIGHTS) as arrays:
        weights = [(w["path"], arrays[str(index)]) for index, w in enumerate(description["weights"])]
    return features, sorted(_with_one_kernel(weights, features), key=lambda weight: weight[0])


def _with_one_kernel(weights: list[Weight], features: Sequence[FeatureDescription]) -> list[Weight]:
    """Joins the kernels of bags, of which models before 0.6 have one for each."""
    for part in (WIDE, DEEP):
        own = [f"{part}_{bag.name}/kernel" for bag in Matrices.of(features).bags]
        found = dict(weights)
        if own and all(path in found for path in own):
            joined = np.concatenate([found[path] for path in own])
            weights = [(path, array) for path, array in weights if path not in own]
            weights.append((f"{part}_bags/kernel", joined))
    return weights


def _difference(
    model: keras.Model,
    features: Sequence[FeatureDescription],
    weights: Sequence[Weight],
    before: Sequence[FeatureDescription],
) -> str:
    """Returns how two models differ apart from their vocabularies' words; empty if they do not."""
    names = [(f.name, f.kind) for f in features], [(f.name, f.kind) for f in before]
    if names[0] != names[1]:
        changed = sorted({n for n, _ in names[0]} ^ {n for n, _ in names[1]})
        return f"the features differ ({', '.join(changed) or 'their kinds'})"
    variables = _by_path(model)
    if [v.path for v in variables] != [path for path, _ in weights]:
        return "the layers differ"
    for variable, (_, weight) in zip(variables, weights, strict=True):
        mapped = row_map(variable.path, before, features) is not None
        old, new = tuple(weight.shape), tuple(variable.shape)
        if (old[1:] != new[1:]) if mapped else (old != new):
            return f"{variable.path} has shape {list(new)}, was {list(old)}"
    return ""


def row_map(
    path: str, before: Sequence[FeatureDescription], now: Sequence[FeatureDescription]
) -> np.ndarray | None:
    """Returns ``[n, 2]`` pairs (old row, new row) for a weight whose rows belong to ids or words; None for others."""
    layer, old, new = path.split("/")[0], Matrices.of(before), Matrices.of(now)
    if layer in (f"{WIDE}_ids", f"{DEEP}_ids"):
        return _table_rows(old.ids, new.ids)
    if layer in (f"{WIDE}_bags", f"{DEEP}_bags"):
        return _table_rows(old.bags, new.bags)
    return None


def _table_rows(before: Sequence[FeatureDescription], now: Sequence[FeatureDescription]) -> np.ndarray:
    pairs, old_offset, new_offset = [], 0, 0
    for old, new in zip(before, now, strict=True):
        pairs += [(old_offset + a, new_offset + b) for a, b in _rows(old, new)]
        old_offset, new_offset = old_offset + old.size, new_offset + new.size
    return np.array(pairs, np.int64).reshape(-1, 2)


def _rows(old: FeatureDescription, new: FeatureDescription) -> list[tuple[int, int]]:
    """Pairs the rows of one feature: by word if it has a vocabulary, otherwise by position."""
    if not (old.vocabulary and new.vocabulary):
        return [(row, row) for row in range(min(old.size, new.size))]
    place = {word: row for row, word in enumerate(old.vocabulary)}
    pairs = [(row, row) for row in range(new.first_word)]
    pairs += [
        (old.first_word + place[w], new.first_word + row)
        for row, w in enumerate(new.vocabulary)
        if w in place
    ]
    old_unknown, new_unknown = old.first_word + len(old.vocabulary), new.first_word + len(new.vocabulary)
    unknown = min(old.size - old_unknown, new.size - new_unknown)
    return pairs + [(old_unknown + row, new_unknown + row) for row in range(unknown)]
