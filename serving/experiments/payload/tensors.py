"""Named tensors of a Predict as columns, at a fraction of what parsing them one by one costs.

The requests of a client differ in their values alone: the bytes before the values are the same each time. They are
remembered with what they mean; bytes never seen before are parsed by protobuf, and remembered if the values are
what follows them.
"""

from __future__ import annotations

import struct
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from serving.experiments.payload.rows import Rows, cell, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_MOST_HEADS: Final = 4096
_LONGEST: Final = 1024
"""Entries of more bytes are parsed each time: there the values cost more than the rest."""
_MOST_TAILS: Final = 8
"""Sizes of values that are tried for a size of entries."""
_FEWEST_VALUES: Final = 1024
"""A tensor may always have this many values, however small its message."""
_STRING: Final = 7
_FORMATS: Final = {1: "f", 2: "d", 3: "i", 4: "B", 5: "h", 6: "b", 9: "q", 10: "?", 17: "H", 22: "I", 23: "Q"}
"""DataType → the format of ``struct`` for one value."""
_CONTENT: Final = 4


Column = tuple[str, int | None, list[Any]]
"""A tensor: its name, its first axis (None for a scalar), and the values along it (or the scalar alone)."""
_Head = tuple[str, int | None, "Callable[[bytes], list[Any]]"]
"""What the bytes before an entry's values mean: name, first axis, and what reads the values."""


_heads: dict[bytes, _Head] = {}
_tails: dict[int, tuple[int, ...]] = {}
"""Size of an entry → how many bytes of values those of this size that are remembered have."""


def rows(entries: Iterable[bytes], most: int, size: int) -> Rows:
    """Returns the entries of a map from names to tensors as rows.

    Args:
        entries: The serialized entries.
        most: Rows to read.
        size: Bytes of the message, which bound the values.

    Returns:
        Rows if the first axes agree, otherwise everything as one row. A tensor that one value is to fill, beyond what
        its message is worth, is a missing value.

    Raises:
        Exception: An entry is malformed; of any kind.
    """
    columns: dict[str, tuple[int | None, list[Any]]] = {}
    lengths: set[int] = set()
    for entry in entries:
        name, length, values = _remembered(entry) or _parsed(entry, max(size, _FEWEST_VALUES))
        columns[name] = (length, values)
        if length is not None:
            lengths.add(length)
    together = len(lengths) == 1
    count = lengths.pop() if together else 1
    kept = min(count, most)
    found = {}
    for name, (length, values) in columns.items():
        if together and length is not None:
            found[name] = values if length <= most else values[:most]
        else:
            found[name] = [values[0] if length is None else cell(values)] * kept
    return Rows(count if columns else 0, found)


def _remembered(entry: bytes) -> Column | None:
    for tail in _tails.get(len(entry), ()):
        head = _heads.get(entry[:-tail])
        if head is not None:
            name, length, values = head
            return name, length, values(entry[-tail:])
    return None


def _parsed(entry: bytes, most: int) -> Column:
    from serving.wire import requests_pb2

    message = requests_pb2.Entry.FromString(entry)
    array = _array(message.value)
    if array is None:
        return message.key, None, [None]
    length = array.shape[0] if array.ndim else None
    if array.size > most:
        return message.key, None, [None]
    if len(entry) <= _LONGEST:
        _remember(entry, message, array)
    return message.key, length, _cells(array)


def _array(tensor: Any) -> Any:
    """Returns a tensor's array; None for a type that has no column, which ``decode`` would load TensorFlow for."""
    from google.protobuf.unknown_fields import UnknownFieldSet

    from serving.wire import requests_pb2
    from serving.wire.dtypes import KINDS
    from serving.wire.tensors import decode

    if tensor.dtype not in KINDS and tensor.dtype != _STRING:
        return None
    if len(UnknownFieldSet(tensor)):
        # Elements that were sent one by one: read and packed by the official types.
        whole = requests_pb2.TensorProto.FromString(tensor.SerializeToString())
        tensor = requests_pb2.Tensor.FromString(whole.SerializeToString())
        if len(UnknownFieldSet(tensor)):
            return None
    return decode(tensor)


def _cells(array: Any) -> list[Any]:
    """Returns an array's values along its first axis; those without further axes plain."""
    plain = array.size == (array.shape[0] if array.ndim else 1)
    values = array.reshape(-1).tolist() if plain else array.tolist()
    if array.dtype.hasobject:
        return [cell(_texts(value)) for value in values]
    if array.dtype.kind == "c":
        return [None] * len(values)  # complex numbers have no column
    return values if plain else [cell(value) for value in values]


def _texts(value: Any) -> Any:
    return [_texts(item) for item in value] if isinstance(value, list) else text(value)


def _remember(entry: bytes, message: Any, array: Any) -> None:
    """Remembers what is before the values, if nothing but values follows and they lie along the first axis."""
    length = array.shape[0] if array.ndim else None
    if array.size == 0 or array.size != (length or 1):
        return
    found = _values(message.value, array.size)
    if found is None:
        return
    tag, content, read = found
    head = _canonical(message, tag, len(content))
    if not content or head + content != entry:
        return
    if len(_heads) >= _MOST_HEADS:
        _heads.clear()
        _tails.clear()
    known = _tails.get(len(entry), ())
    if len(content) not in known:
        if len(known) >= _MOST_TAILS:
            return
        _tails[len(entry)] = (*known, len(content))
    _heads[head] = (message.key, length, read)


def _values(tensor: Any, count: int) -> tuple[int, bytes, Callable[[bytes], list[Any]]] | None:
    """Returns the number of the field that holds the values, its bytes, and what reads them."""
    from serving.wire.dtypes import KINDS

    number = tensor.dtype
    content = b"".join(tensor.tensor_content)
    if number == _STRING:
        return (8, tensor.string_val[0], _one_text) if count == 1 and len(tensor.string_val) == 1 else None
    if number not in _FORMATS or number not in KINDS:
        return None
    if content:
        return _CONTENT, content, _unpacker(f"<{count}{_FORMATS[number]}")
    kind = KINDS[number]
    packed = getattr(tensor, kind.field)
    if len(packed) != 1:
        return None
    if kind.wire is not None:
        size = struct.calcsize(f"<{count}{_FORMATS[number]}")
        read = _unpacker(f"<{count}{_FORMATS[number]}")
        return (kind.number, packed[0], read) if len(packed[0]) == size else None
    # Of varints only one: the size of more of them does not say how many they are.
    readers = {3: _int32, 9: _int64, 22: _uint, 23: _uint}
    return (kind.number, packed[0], readers[number]) if count == 1 and number in readers else None


@cache
def _unpacker(form: str) -> Callable[[bytes], list[Any]]:
    unpack = struct.Struct(form).unpack
    return lambda content: list(unpack(content))


def _one_text(content: bytes) -> list[Any]:
    return [text(content)]


def _uint(content: bytes) -> list[Any]:
    value = 0
    for place, octet in enumerate(content):
        value |= (octet & 0x7F) << 7 * place
        if (octet < 0x80) != (place == len(content) - 1) or place > 9:
            raise ValueError("not one varint")
    return [value]


def _int64(content: bytes) -> list[Any]:
    [value] = _uint(content)
    return [value - 2**64 if value >= 2**63 else value]


def _int32(content: bytes) -> list[Any]:
    value = _uint(content)[0] & 0xFFFFFFFF
    return [value - 2**32 if value >= 2**31 else value]


def _canonical(message: Any, tag: int, size: int) -> bytes:
    """Returns the bytes before the values as the usual protobuf libraries write them: fields in order, each once."""
    from serving.wire.writer import delimited, varint

    tensor = b"\x08" + varint(message.value.dtype)
    tensor += delimited(2, b"".join(message.value.tensor_shape))
    tensor += varint(tag << 3 | 2) + varint(size)
    return delimited(1, message.key.encode()) + b"\x12" + varint(len(tensor) + size) + tensor
