"""Packed protobuf varints to and from NumPy, without a Python loop per element."""

from __future__ import annotations

from typing import Final

import numpy as np

_LONGEST: Final = 10
_BIT_LENGTHS: Final = tuple(np.uint64(1 << (7 * count)) for count in range(1, _LONGEST))


def decode(packed: bytes) -> np.ndarray:
    """Reads packed varints.

    Args:
        packed: The content of a packed field.

    Returns:
        uint64 values; signed fields are views of them.

    Raises:
        ValueError: The last varint is cut off, or one is longer than ten bytes.
    """
    octets = np.frombuffer(packed, np.uint8)
    ends = octets < 0x80
    if ends.all():
        return octets.astype(np.uint64)
    stops = np.flatnonzero(ends)
    if not ends[-1]:
        raise ValueError("a varint is cut off")
    starts = np.empty_like(stops)
    starts[0], starts[1:] = 0, stops[:-1] + 1
    lengths = stops - starts + 1
    longest = int(lengths.max())
    if longest > _LONGEST:
        raise ValueError("a varint is longer than ten bytes")
    values = (octets[starts] & 0x7F).astype(np.uint64)
    for index in range(1, longest):
        having = np.flatnonzero(lengths > index)
        part = (octets[starts[having] + index] & 0x7F).astype(np.uint64)
        values[having] |= part << np.uint64(7 * index)
    return values


def encode(values: np.ndarray) -> bytes:
    """Writes integers or booleans as packed varints; negative ones take ten bytes, as in int32 and int64 fields.

    Args:
        values: A one-dimensional array.

    Returns:
        The content of a packed field.
    """
    if values.dtype == np.bool_:
        return values.tobytes()
    signed = values.dtype.kind == "i"
    numbers: np.ndarray = values.astype(np.int64).view(np.uint64) if signed else values.astype(np.uint64)
    if not numbers.size or numbers.max() < 0x80:
        return numbers.astype(np.uint8).tobytes()
    lengths: np.ndarray = np.ones(numbers.size, np.int64)
    for limit in _BIT_LENGTHS:
        longer = numbers >= limit
        if not longer.any():
            break
        lengths += longer
    stops = np.cumsum(lengths)
    starts = stops - lengths
    octets: np.ndarray = np.empty(int(stops[-1]), np.uint8)
    for index in range(int(lengths.max())):
        having = np.flatnonzero(lengths > index)
        part = (numbers[having] >> np.uint64(7 * index)) & np.uint64(0x7F)
        more = (lengths[having] > index + 1).astype(np.uint64) << np.uint64(7)
        octets[starts[having] + index] = (part | more).astype(np.uint8)
    return octets.tobytes()
