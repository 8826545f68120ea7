"""The model types: add yours here, and its file beside this one."""

from __future__ import annotations

from components.trainer.models.base import ModelType
from components.trainer.models.dense import DENSE
from components.trainer.models.linear import LINEAR
from components.trainer.models.wide_and_deep import WIDE_AND_DEEP

__all__ = ["MODEL_TYPES", "ModelType", "hyperparameters"]

MODEL_TYPES: dict[str, ModelType] = {
    "linear": LINEAR,
    "dense": DENSE,
    "wide_and_deep": WIDE_AND_DEEP,
}
"""``model.type`` → the builder of its logits."""


def hyperparameters() -> list[str]:
    """Returns the keys of ``model`` that at least one type reads, including ``type`` itself."""
    return ["type", *dict.fromkeys(key for one in MODEL_TYPES.values() for key in one.keys)]
