"""Writes fields as literals that nobody indexes."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from hpack.table import HeaderTable

if TYPE_CHECKING:
    from collections.abc import Iterable

_STATIC: Final = tuple(HeaderTable.STATIC_TABLE)
_WHOLE: Final = {entry: bytes([0x80 | index]) for index, entry in enumerate(_STATIC, 1) if entry[1]}
_NAMES: Final = {entry[0]: index for index, entry in reversed(list(enumerate(_STATIC, 1)))}

_SHORT: Final = 127


def integer(value: int, bits: int, first: int = 0) -> bytes:
    """Returns an integer with a prefix of some bits, below the other bits of its first byte (RFC 7541, 5.1)."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([first | value])
    value -= most
    out = bytearray([first | most])
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


_LENGTHS: Final = tuple(integer(size, 7) for size in range(_SHORT))


def field(name: bytes, value: bytes, *, never_indexed: bool = False) -> bytes:
    """Returns a field, to append to any block.

    Args:
        name: The lower-case name.
        value: The value.
        never_indexed: Whether to tell every hop to keep it out of its tables too.
    """
    if name in _NAMES and not never_indexed and (name, value) in _WHOLE:
        return _WHOLE[name, value]
    size = len(value)
    return _named(name, never_indexed) + (_LENGTHS[size] if size < _SHORT else integer(size, 7)) + value


@lru_cache(maxsize=1024)
def _named(name: bytes, never_indexed: bool) -> bytes:
    """Returns how a field of that name begins."""
    first = 0x10 if never_indexed else 0
    index = _NAMES.get(name)
    return bytes([first]) + integer(len(name), 7) + name if index is None else integer(index, 4, first)


def block(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Returns a header block."""
    return b"".join([field(name, value) for name, value in fields])
