"""Writes fields as literals that nobody indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hpack.table import HeaderTable

if TYPE_CHECKING:
    from collections.abc import Iterable

_STATIC: Final = tuple(HeaderTable.STATIC_TABLE)
_WHOLE: Final = {entry: bytes([0x80 | index]) for index, entry in enumerate(_STATIC, 1) if entry[1]}
_NAMES: Final = {entry[0]: index for index, entry in reversed(list(enumerate(_STATIC, 1)))}


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


def field(name: bytes, value: bytes, *, never_indexed: bool = False) -> bytes:
    """Returns a field, to append to any block.

    Args:
        name: The lower-case name.
        value: The value.
        never_indexed: Whether to tell every hop to keep it out of its tables too.
    """
    if not never_indexed and (name, value) in _WHOLE:
        return _WHOLE[name, value]
    first = 0x10 if never_indexed else 0
    index = _NAMES.get(name)
    if index is not None:
        return integer(index, 4, first) + integer(len(value), 7) + value
    return bytes([first]) + integer(len(name), 7) + name + integer(len(value), 7) + value


def block(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Returns a header block."""
    return b"".join([field(name, value) for name, value in fields])
