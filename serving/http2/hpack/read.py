"""Reads blocks without state: static table, literals, Huffman."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from hpack.exceptions import HPACKDecodingError
from hpack.huffman_table import decode_huffman
from hpack.table import HeaderTable

if TYPE_CHECKING:
    from collections.abc import Container

Field = tuple[bytes, bytes]

_STATIC: Final = ((b"", b""), *HeaderTable.STATIC_TABLE)
_LONGEST_CACHED: Final = 256
_LARGEST_INTEGER: Final = 2**31
FIELD_COST: Final = 32
"""What a field counts besides its text (RFC 7541, 4.1)."""


class HeaderBlockError(Exception):
    """A header block that cannot be read."""


def fields(block: bytes, largest: int = 1 << 20) -> list[Field]:
    """Returns the fields of a block in their order.

    Args:
        block: The block; a table size update to 0 may precede its fields.
        largest: How large the fields may be together, counted as in RFC 7541, 4.1.

    Raises:
        HeaderBlockError: It is malformed, needs a dynamic table, or is too large.
    """
    found: list[Field] = []
    add = found.append
    position, end, size = _skip_updates(block), len(block), 0
    try:
        while position < end:
            first = block[position]
            if first & 0x80:
                index = first & 0x7F
                position += 1
                if index > 61 or not index:
                    raise HeaderBlockError("a field that is in no table")
                entry = _STATIC[index]
            else:
                entry, position = _literal(block, position, first)
            size += len(entry[0]) + len(entry[1]) + FIELD_COST
            if size > largest:
                raise HeaderBlockError(f"fields of more than {largest} bytes")
            add(entry)
    except IndexError:
        raise HeaderBlockError("it ends within a field") from None
    return found


def find(block: bytes, names: Container[bytes]) -> dict[bytes, bytes]:
    """Returns the values of some fields; only what is wanted is expanded. Of equal names the first counts.

    Args:
        block: The block.
        names: The lower-case names.

    Raises:
        HeaderBlockError: It is malformed, or needs a dynamic table.
    """
    found: dict[bytes, bytes] = {}
    position, end = _skip_updates(block), len(block)
    try:
        while position < end:
            first = block[position]
            if first & 0x80:
                position += 1
                index = first & 0x7F
                if index > 61 or not index:
                    raise HeaderBlockError("a field that is in no table")
                name, value = _STATIC[index]
                if name in names:
                    found.setdefault(name, value)
                continue
            name, position = _name(block, position, first)
            start, stop, packed = _extent(block, position)
            position = stop
            if name in names:
                found.setdefault(name, expand(block[start:stop]) if packed else block[start:stop])
    except IndexError:
        raise HeaderBlockError("it ends within a field") from None
    return found


def expand(packed: bytes) -> bytes:
    """Returns what a Huffman code stands for; short ones are remembered.

    Raises:
        HeaderBlockError: It is no such code.
    """
    return _expand_short(packed) if len(packed) <= _LONGEST_CACHED else _expand(packed)


def _expand(packed: bytes) -> bytes:
    try:
        return decode_huffman(packed)
    except HPACKDecodingError as error:
        raise HeaderBlockError("a text that is no Huffman code") from error


_expand_short: Final = lru_cache(maxsize=2048)(_expand)


def _skip_updates(block: bytes) -> int:
    """Returns where the fields begin: after updates of the table's size, which may only be to 0."""
    position = 0
    while position < len(block) and block[position] & 0xE0 == 0x20:
        if block[position] != 0x20:
            raise HeaderBlockError("a table size update to more than the 0 that was announced")
        position += 1
    return position


def _literal(block: bytes, position: int, first: int) -> tuple[Field, int]:
    name, position = _name(block, position, first)
    start, stop, packed = _extent(block, position)
    value = block[start:stop]
    return (name, expand(value) if packed else value), stop


def _name(block: bytes, position: int, first: int) -> tuple[bytes, int]:
    """Returns the name of a literal field, and where its value begins."""
    if first & 0x40:
        most = 0x3F
    elif first & 0x20:
        raise HeaderBlockError("a table size update after a field")
    else:
        most = 0x0F
    index = first & most
    position += 1
    if index == most:
        index, position = _rest(block, position, most)
    if index:
        if index > 61:
            raise HeaderBlockError("a name that is in no table")
        return _STATIC[index][0], position
    start, stop, packed = _extent(block, position)
    name = block[start:stop]
    return (expand(name) if packed else name), stop


def _extent(block: bytes, position: int) -> tuple[int, int, bool]:
    """Returns where a text begins and ends, and whether it is a Huffman code."""
    first = block[position]
    length = first & 0x7F
    position += 1
    if length == 0x7F:
        length, position = _rest(block, position, length)
    stop = position + length
    if stop > len(block):
        raise HeaderBlockError("it ends within a text")
    return position, stop, first > 0x7F


def _rest(block: bytes, position: int, value: int) -> tuple[int, int]:
    """Returns an integer whose prefix is full, and where it ends."""
    shift = 0
    while True:
        byte = block[position]
        position += 1
        value += (byte & 0x7F) << shift
        if value > _LARGEST_INTEGER or shift > 35:
            raise HeaderBlockError("an integer that is too large")
        if byte < 0x80:
            return value, position
        shift += 7
