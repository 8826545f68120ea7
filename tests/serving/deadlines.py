"""Deadlines for tests of what a call that ends early leaves at the server."""

from __future__ import annotations

from collections.abc import Callable, Iterator

_SECONDS = (0.1, 0.5, 2.0, 8.0)


def deadlines(begun: Callable[[], object]) -> Iterator[float]:
    """Yields longer and longer deadlines, until a call has begun at the server within one.

    A call whose deadline is over before the server comes to it is never begun, and nobody there sees its end.

    Args:
        begun: Whether a call has begun.
    """
    for seconds in _SECONDS:
        yield seconds
        if begun():
            return
    raise AssertionError(f"no call has begun at the server within {_SECONDS[-1]} s")
