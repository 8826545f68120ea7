"""Which units were seen lately, in bounded memory."""

from __future__ import annotations


class Seen:
    """A set of units that forgets the older half when it is full.

    Args:
        most: The most units that are remembered, about 60 bytes each.
    """

    def __init__(self, most: int = 400_000) -> None:
        self._half = most // 2
        self._young: set[int] = set()
        self._old: set[int] = set()

    def first(self, unit: bytes) -> bool:
        """Returns whether a unit is seen for the first time, and remembers it."""
        key = int.from_bytes(unit[:8], "little")
        if key in self._young or key in self._old:
            return False
        if len(self._young) >= self._half:
            self._old, self._young = self._young, set()
        self._young.add(key)
        return True
