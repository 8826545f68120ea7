"""How far a piece of work is: told by whoever does it, heard by whoever has asked to; otherwise nothing happens."""

from __future__ import annotations

from collections.abc import Callable, Mapping

Numbers = Mapping[str, float]
"""What is told, by name, such as ``epoch``, ``of`` and ``loss``."""
Hear = Callable[[Numbers], None]

_hearing: list[Hear] = []


def report(**numbers: float) -> None:
    """Tells how far the work in this process is.

    Args:
        numbers: By name, plain numbers.
    """
    if _hearing:
        _hearing[-1]({name: float(value) for name, value in numbers.items()})


def use(hear: Hear) -> None:
    """Has everything that is reported from now on, in this process, go to a function."""
    _hearing.append(hear)
