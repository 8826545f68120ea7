"""What holds for every allocation: shares add up to one, no arm falls under its floor, none moves by more than a step."""

from __future__ import annotations

import math
from collections.abc import Sequence


def bounded(
    wishes: Sequence[float], current: Sequence[float], floors: Sequence[float], step: float
) -> list[float]:
    """Returns the shares closest to the wishes on the way from the current ones that keep all bounds.

    Shares move together along the straight line to the wishes until the first has moved by ``step``. Both ends keep the
    floors and add up to one, so every point between them does.

    Args:
        wishes: What the mode would give, one number for each arm; scaled to add up to one. Broken ones count as zero.
        current: The shares now. If they break the floors (an arm is new, one was removed), they are first
            lifted to them: a floor comes before a step.
        floors: The least share of each arm; scaled down if they add up to more than one.
        step: The most that a share may change.
    """
    least = _possible(floors)
    begin = lifted(current, least)
    room = 1 - math.fsum(least)
    end = [low + room * wish for low, wish in zip(least, _scaled(wishes, begin), strict=True)]
    furthest = max((abs(there - here) for here, there in zip(begin, end, strict=True)), default=0.0)
    if furthest <= step:
        return end
    way = max(step, 0.0) / furthest
    return [here + way * (there - here) for here, there in zip(begin, end, strict=True)]


def lifted(current: Sequence[float], floors: Sequence[float]) -> list[float]:
    """Returns shares with what is missing to the floors taken from the others in proportion to what they have above theirs.

    Args:
        current: Shares or weights; scaled to add up to one.
        floors: The least share of each arm; they add up to at most one.
    """
    even = [1 / len(floors)] * len(floors) if floors else []
    shares = _scaled(current, even)
    if all(share >= low for share, low in zip(shares, floors, strict=True)):
        return shares
    above = [max(share - low, 0.0) for share, low in zip(shares, floors, strict=True)]
    room, total = max(1 - math.fsum(floors), 0.0), math.fsum(above)
    if not total:
        return [low + room * part for low, part in zip(floors, even, strict=True)]
    return [low + room * over / total for low, over in zip(floors, above, strict=True)]


def _possible(floors: Sequence[float]) -> list[float]:
    total = math.fsum(floors)
    return [low / total for low in floors] if total > 1 else list(floors)


def _scaled(values: Sequence[float], otherwise: Sequence[float]) -> list[float]:
    """Returns values that are zero or more and add up to one; ``otherwise`` if none is above zero."""
    if any(value == math.inf for value in values):
        values = [float(value == math.inf) for value in values]
    largest = max((value for value in values if value > 0), default=0.0)
    if not largest:
        return list(otherwise)
    parts = [value / largest if value > 0 else 0.0 for value in values]  # NaN is not above zero
    total = math.fsum(parts)
    return [part / total for part in parts]
