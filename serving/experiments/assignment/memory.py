"""The first arm of each unit of an experiment whose shares move: a unit keeps it, only new units follow the shares."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a unit was assigned; units that were assigned alike share one.

    Attributes:
        arm: The arm.
        propensity: Its probability then.
        probabilities: Every arm's probability then.
        table: The version of the slot table then.
        epoch: The epoch; 0 where there are none.
    """

    arm: str
    propensity: float
    probabilities: tuple[tuple[str, float], ...]
    table: int
    epoch: int = 0


class Memory:
    """Units and what they were assigned first, as many as the limit allows.

    A unit takes about 120 bytes. Beyond the limit new units are not remembered: control answers them and they are not
    counted, so that nobody gets one arm today and another tomorrow, and the comparison stays what it was.

    Args:
        limit: The most units.
        note: Is told of each new unit before anybody else.
    """

    def __init__(self, limit: int, note: Callable[[bytes, Assignment], None] | None = None) -> None:
        self._limit, self._note = limit, note
        self._assigned: dict[int, Assignment] = {}

    def __len__(self) -> int:
        return len(self._assigned)

    @property
    def full(self) -> bool:
        """Whether no further unit is remembered."""
        return len(self._assigned) >= self._limit

    def get(self, unit: bytes) -> Assignment | None:
        """Returns what a unit was assigned; None if it is new.

        Args:
            unit: Its hash, 16 bytes.
        """
        return self._assigned.get(int.from_bytes(unit[8:], "big"))

    def add(self, unit: bytes, assignment: Assignment) -> None:
        """Remembers a new unit."""
        if self._note is not None:
            self._note(unit, assignment)
        self._assigned[int.from_bytes(unit[8:], "big")] = assignment

    def learn(self, units: Iterable[tuple[bytes, Assignment]]) -> None:
        """Takes first assignments from the store, where whoever was first counts.

        The limit is on new units: what the store has is remembered, or somebody would get another arm.
        """
        for unit, assignment in units:
            self._assigned[int.from_bytes(unit[8:], "big")] = assignment
