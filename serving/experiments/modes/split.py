"""Fixed shares: the weights of the document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from serving.experiments.modes.mode import ArmRewards, Mode


class Split(Mode):
    """Fixed shares; they change only when the document or a person changes them."""

    type: ClassVar[str] = "split"
    keys: ClassVar[frozenset[str]] = frozenset()
    learns: ClassVar[bool] = False

    def wishes(self, arms: Sequence[ArmRewards], rng: Any) -> list[float]:
        """Returns equal shares; ``allocate`` keeps the current ones and never asks."""
        return [1.0] * len(arms)
