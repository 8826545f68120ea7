"""What a document leaves open, chosen from the number of rows and inputs: size of the model, steps, batch, rate, patience.

Values that the document gives are never changed. The numbers were measured on small public tables and on the example
(``benchmarks/statistics/training.py``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from components.trainer.config import ModelConfigSlice, TrainConfig

if TYPE_CHECKING:
    from components.trainer.features import FeatureDescription

SMALL = 2_000
"""Rows of the train split below which a table is small: several members, small batches."""
VERY_SMALL = 500
"""Rows below which noise weighs more than what a larger or freer network could learn."""
ONE_HOT = 512
"""Ids and words of bags of all features together up to which they are one-hot; more are embedded."""
PATIENCE = 3
"""Patience where the document gives the steps or epochs."""
LINEAR_L2 = 3e-4
"""Penalty of a linear model without one."""
_EMBEDDING = 8
_VERY_SMALL_MODEL: dict[str, Any] = {"hidden": [64], "members": 8, "dropout": 0.5, "l2": 0.01}
_SMALL_MODEL: dict[str, Any] = {"hidden": [128, 128], "members": 8, "dropout": 0.15, "l2": 0.0}
_LARGE_MODEL: dict[str, Any] = {"hidden": [128, 128], "members": 1, "dropout": 0.15, "l2": 0.0}
_OWN_SIZE: dict[str, Any] = {"members": 1, "dropout": 0.0, "l2": 0.0}
_VALIDATIONS = 40
"""Validations of a training whose steps are chosen."""


@dataclass(frozen=True)
class Size:
    """What a recipe is chosen by.

    Attributes:
        rows: Rows of the train split.
        inputs: Width of the model's input, ids one-hot.
        ids: Ids and words of bags of all features together.
    """

    rows: int
    inputs: int
    ids: int

    @classmethod
    def of(cls, rows: int, features: Sequence[FeatureDescription]) -> Size:
        """Returns the size of a table."""
        return cls(
            rows,
            sum(f.size for f in features),
            sum(f.size for f in features if f.kind == "id" or f.vocabulary),
        )


def choose_model(model: ModelConfigSlice, size: Size) -> dict[str, Any]:
    """Returns key → value of what the ``model`` slice leaves open.

    A user's own model is told the former defaults: what it does with them is not known here.
    """
    if model.build_model:
        chosen = {"hidden": [64, 32], "members": 1, "dropout": 0.0, "l2": 0.0, "embedding": _EMBEDDING}
    elif model.type == "linear":
        chosen = {"l2": LINEAR_L2}
    else:
        chosen = dict(_OWN_SIZE if model.hidden is not None else _model_for(size.rows))
        if size.ids > ONE_HOT:
            chosen["embedding"] = _EMBEDDING
    return {name: value for name, value in chosen.items() if getattr(model, name) is None}


def _model_for(rows: int) -> dict[str, Any]:
    if rows < VERY_SMALL:
        return _VERY_SMALL_MODEL
    return _SMALL_MODEL if rows < SMALL else _LARGE_MODEL


def choose_training(model: ModelConfigSlice, train: TrainConfig, size: Size) -> dict[str, Any]:
    """Returns key → value of what the ``train`` slice leaves open."""
    chosen: dict[str, Any] = {}
    if train.batch_size is None:
        chosen["batch_size"] = _batch(size.rows)
    batch = train.batch_size or chosen["batch_size"]
    if train.learning_rate is None:
        chosen["learning_rate"] = 1e-3 if model.build_model else _rate(model)
    if train.weight_decay is None:
        ours = train.learning_rate is None and model.type != "linear" and not model.build_model
        chosen["weight_decay"] = 0.02 if ours and size.rows >= VERY_SMALL else 0.0
    limit = train.steps or train.epochs
    if limit is None:
        chosen["steps"] = _steps(size.rows, batch)
        if train.steps_per_epoch is None:
            chosen["steps_per_epoch"] = max(1, chosen["steps"] // _VALIDATIONS)
    if train.early_stopping and train.early_stopping.patience is None:
        patience = PATIENCE if limit else _VALIDATIONS // 4
        chosen["early_stopping"] = train.early_stopping.model_copy(update={"patience": patience})
    return chosen


def _batch(rows: int) -> int:
    """Returns a power of two near a 24th of the rows, from 32 to 256."""
    return int(min(256, max(32, 2 ** round(math.log2(max(rows, 1) / 24)))))


def _rate(model: ModelConfigSlice) -> float:
    return 0.01 if model.type == "linear" else 0.002


def _steps(rows: int, batch: int) -> int:
    """Returns 1,000 steps, or 8 passes where these are more."""
    return max(1_000, 8 * math.ceil(rows / min(batch, rows)))
