"""A model's inputs as at most three matrices: numbers, ids and bags, each with the columns of many features.

What is done to a matrix costs the same whether it has ten columns or a thousand; a tensor for each feature costs nodes of a
graph wherever one is traced, saved, loaded or run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf

    from components.trainer.features import FeatureDescription

NUMBERS = "numbers"
"""Matrix of numbers, then of plain vectors: float32 ``[batch, width]``."""
IDS = "ids"
"""Matrix of ids, each from 0 within its own feature: int64 ``[batch, features]``."""
BAGS = "bags"
"""Matrix of multi-hot vectors over vocabularies, side by side: float32 ``[batch, width]`` of 0 and 1."""


@dataclass(frozen=True)
class Matrices:
    """Which feature has which columns; a matrix without columns does not exist.

    Attributes:
        features: All features, sorted by name.
    """

    features: tuple[FeatureDescription, ...]

    @classmethod
    def of(cls, features: Sequence[FeatureDescription]) -> Matrices:
        """Returns the matrices of some features."""
        return cls(tuple(features))

    @cached_property
    def numbers(self) -> tuple[FeatureDescription, ...]:
        """Numbers, then plain vectors, in the order of their columns."""
        scalars = [f for f in self.features if f.kind == "number"]
        return (*scalars, *(f for f in self.features if f.kind == "vector" and not f.vocabulary))

    @cached_property
    def ids(self) -> tuple[FeatureDescription, ...]:
        """Ids in the order of their columns."""
        return tuple(f for f in self.features if f.kind == "id")

    @cached_property
    def bags(self) -> tuple[FeatureDescription, ...]:
        """Vectors over a vocabulary in the order of their columns."""
        return tuple(f for f in self.features if f.kind == "vector" and f.vocabulary)

    @property
    def widths(self) -> dict[str, int]:
        """Name of each matrix that exists → its number of columns."""
        widths = {
            NUMBERS: sum(f.size for f in self.numbers),
            IDS: len(self.ids),
            BAGS: sum(f.size for f in self.bags),
        }
        return {name: width for name, width in widths.items() if width}

    @property
    def sizes(self) -> np.ndarray:
        """[id features] Number of ids of each."""
        return np.array([f.size for f in self.ids], np.int64)

    @property
    def offsets(self) -> np.ndarray:
        """[id features] First row of each in a table that all share."""
        return np.cumsum([0, *self.sizes])[:-1].astype(np.int64)

    def pack(self, by_name: Mapping[str, Any]) -> dict[str, tf.Tensor]:
        """Puts features side by side.

        Args:
            by_name: Feature → its values, ``[batch]`` or ``[batch, size]``.

        Returns:
            Name of a matrix → matrix.
        """
        import tensorflow as tf

        parts: dict[str, list[Any]] = {NUMBERS: [], IDS: [], BAGS: []}
        scalars = [by_name[f.name] for f in self.numbers if f.kind == "number"]
        parts[NUMBERS] += [tf.stack(scalars, axis=1)] if scalars else []
        parts[NUMBERS] += [by_name[f.name] for f in self.numbers if f.kind == "vector"]
        parts[IDS] += [tf.stack([_flat(by_name[f.name]) for f in self.ids], axis=1)] if self.ids else []
        parts[BAGS] += [by_name[f.name] for f in self.bags]
        return {name: tf.concat(parts[name], axis=1) for name in self.widths}

    def unpack(self, matrices: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Returns feature → its values, as a person's own model takes them.

        Args:
            matrices: Name of a matrix → matrix.
        """
        import tensorflow as tf

        found: dict[str, tf.Tensor] = {}
        for name, features in ((NUMBERS, self.numbers), (IDS, self.ids), (BAGS, self.bags)):
            if not features:
                continue
            single = [f.name for f in features if f.kind != "vector"]
            several = [f for f in features if f.kind == "vector"]
            columns = matrices[name]
            if several:
                widths = [len(single)] * bool(single) + [f.size for f in several]
                columns, *_ = parts = tf.split(columns, widths, axis=1)
                found |= {f.name: part for f, part in zip(reversed(several), reversed(parts), strict=False)}
            if single:
                found |= zip(single, tf.unstack(columns, num=len(single), axis=1), strict=True)
        return found


def _flat(ids: Any) -> Any:
    """Returns ids ``[batch]``; a person's own Transform may give ``[batch, 1]``."""
    return ids[:, 0] if len(ids.shape) == 2 else ids
