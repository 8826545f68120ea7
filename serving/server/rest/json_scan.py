"""Finds the structure of a piece of JSON with array operations: quotes, commas, brackets and their depth."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

QUOTE: Final = 1
COMMA: Final = 2
OPEN_LIST: Final = 3
OPEN_OBJECT: Final = 4
CLOSE: Final = 5
_BACKSLASH: Final = 6


def _table(values: dict[str, int], dtype: type) -> np.ndarray:
    table: np.ndarray = np.zeros(256, dtype)
    for chars, value in values.items():
        for char in chars:
            table[ord(char)] = value
    return table


_KINDS: Final = _table(
    {'"': QUOTE, ",": COMMA, "[": OPEN_LIST, "{": OPEN_OBJECT, "]}": CLOSE, "\\": _BACKSLASH}, np.uint8
)
_STEPS: Final = np.array([0, 0, 0, 1, 1, -1, 0], np.int8)


class Tokens(NamedTuple):
    """The structural characters of a piece, without those in strings.

    Attributes:
        places: Where they are, from the piece's start.
        kinds: What they are.
        depths: How many lists and objects are open after each, beside those before the piece.
        in_string: Whether the piece ends within a string.
    """

    places: np.ndarray
    kinds: np.ndarray
    depths: np.ndarray
    in_string: bool

    def until(self, count: int) -> Tokens:
        """Returns the first tokens."""
        return Tokens(self.places[:count], self.kinds[:count], self.depths[:count], in_string=False)


def scan(body: bytes | bytearray, start: int, end: int) -> Tokens:
    """Returns the structure of ``body[start:end]``, which starts outside strings.

    A backslash outside a string is an error that the parser finds; here it does no harm.
    """
    every = _KINDS[np.frombuffer(body, np.uint8, end - start, start)]
    places = np.flatnonzero(every)
    kinds = every[places]
    if (kinds == _BACKSLASH).any():
        places, kinds = _without_escapes(places, kinds)
    quotes = kinds == QUOTE
    inside = np.cumsum(quotes) % 2 == 1
    real = quotes | ~inside
    in_string = bool(inside.size and inside[-1])
    places, kinds = places[real], kinds[real]
    return Tokens(places, kinds, np.cumsum(_STEPS[kinds], dtype=np.int64), in_string)


def _without_escapes(places: np.ndarray, kinds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Removes backslashes, and the quotes that follow an odd number of them."""
    slashes = places[kinds == _BACKSLASH]
    begins = np.diff(slashes, prepend=slashes[0] - 2) != 1
    first = slashes[begins][np.cumsum(begins) - 1]  # Of the run of backslashes that each belongs to.
    before = np.searchsorted(slashes, places - 1)
    found = np.minimum(before, slashes.size - 1)
    follows = slashes[found] == places - 1
    escaped = follows & ((places - first[found]) % 2 == 1)
    kept = (kinds != _BACKSLASH) & ~((kinds == QUOTE) & escaped)
    return places[kept], kinds[kept]
