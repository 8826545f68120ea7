"""Control answers everything; the other arms get copies whose answers only the comparison sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from serving.experiments.modes.mode import ArmRewards, Mode


class Shadow(Mode):
    """Copies to all arms but control; see ``shadow_comparison`` for what is made of their answers."""

    type: ClassVar[str] = "shadow"
    keys: ClassVar[frozenset[str]] = frozenset({"copies", "tolerance"})
    learns: ClassVar[bool] = False

    def allocate(self, arms: Sequence[ArmRewards], current: Sequence[float], rng: Any) -> list[float]:
        """Returns all traffic for control."""
        return self.wishes(arms, rng)

    def wishes(self, arms: Sequence[ArmRewards], rng: Any) -> list[float]:
        """Returns all traffic for control."""
        return [float(arm.arm == self.control) for arm in arms]
