"""What Beam's workers counted, from whichever engine, until the node that ran asks for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

_counted: Counter[str] = Counter()


def add(counted: Mapping[str, int]) -> None:
    """Adds what the workers of one Beam pipeline counted; a node may run several.

    Args:
        counted: Unit → number, such as documents or bytes.
    """
    _counted.update(counted)


def taken() -> dict[str, int]:
    """Returns what was counted since it was last asked, in this process."""
    found = dict(_counted)
    _counted.clear()
    return found
