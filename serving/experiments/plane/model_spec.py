"""The ``ModelSpec`` in TF Serving's messages: read without decoding tensors, changed without re-encoding anything.

Protobuf merges messages that follow each other, so bytes that hold only a ``model_spec``, appended to a request, set its
name and version and leave everything else as it was. In a MultiInferenceRequest each task has its own ``model_spec``:
there it is appended to each task, whose length is written anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from serving.wire.writer import delimited, varint

if TYPE_CHECKING:
    from serving.experiments.contract import Target

MULTI_INFERENCE: Final = "multi_inference"
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED: Final = {_FIXED64: 8, _FIXED32: 4}
_FIELDS: Final = 4096
"""A message with more fields than this is not looked through on the event loop; the backend has to."""
_LONGEST_VARINT: Final = 70
_LONGEST_CACHED: Final = 256


class UnreadableError(Exception):
    """A message that is no protobuf, or that nobody sends; it is the backend's to refuse."""


@dataclass(frozen=True, slots=True)
class Spec:
    """What a request asks for.

    Attributes:
        name: The model's name; empty if there is none.
        version: The version; None if the request leaves it open.
        label: The version's label; None if the request leaves it open. An empty one is there, and the backend's to refuse.
    """

    name: str = ""
    version: int | None = None
    label: str | None = None

    @property
    def chosen(self) -> bool:
        """Whether the request itself names a version or a label."""
        return self.version is not None or self.label is not None


def read(method: str, message: bytes) -> Spec:
    """Returns what a request asks for; of a MultiInferenceRequest, the first task, as TF Serving does.

    Raises:
        UnreadableError: The message is malformed, or its tasks ask for different models.
    """
    if method == MULTI_INFERENCE:
        return _first_task(message)
    return _spec(_joined(message, 1))


def answered_version(method: str, message: bytes) -> int | None:
    """Returns the version in an answer; None if it names none or cannot be read."""
    try:
        if method == MULTI_INFERENCE:
            inner = _first(message, 1)
            return None if inner is None else _spec(_joined(inner, 1)).version
        return _spec(_joined(message, 2)).version
    except UnreadableError:
        return None


def merged(method: str, message: bytes, target: Target) -> bytes:
    """Returns a request for another target; its other bytes are the same.

    Args:
        method: ``multi_inference``, or any other.
        message: A request that ``read`` can read and that names no version.
        target: What to ask for.
    """
    spec = _written(target)
    if method != MULTI_INFERENCE:
        return message + spec
    parts: list[bytes] = []
    position = 0
    for number, start, stop in _extents(message):
        if number == 1:
            length = stop - start + len(spec)
            parts += (b"\x0a", varint(length), message[start:stop], spec)
        else:
            parts.append(message[position:stop])
        position = stop
    return b"".join(parts)


@lru_cache(maxsize=1024)
def _written(target: Target) -> bytes:
    """Returns the field 1 with a ModelSpec."""
    spec = delimited(1, target.model.encode())
    if target.version is not None:
        # An Int64Value; 0 is the default and not written.
        spec += delimited(2, b"\x08" + varint(target.version & (2**64 - 1)) if target.version else b"")
    elif target.label:
        spec += delimited(4, target.label.encode())
    return delimited(1, spec)


def _first_task(message: bytes) -> Spec:
    specs = [
        _spec(_joined(message[start:stop], 1)) for number, start, stop in _extents(message) if number == 1
    ]
    if not specs:
        return Spec()
    if len({spec.name for spec in specs}) > 1:
        raise UnreadableError("tasks for different models")
    chosen = [spec for spec in specs if spec.chosen]
    return chosen[0] if chosen else specs[0]


def _first(message: bytes, wanted: int) -> bytes | None:
    for number, start, stop in _extents(message):
        if number == wanted:
            return message[start:stop]
    return None


def _joined(message: bytes, wanted: int) -> bytes:
    """Returns the content of a field that holds a message; several parts are joined, which merges them."""
    found = b""
    for number, start, stop in _extents(message):
        if number == wanted:
            found = found + message[start:stop] if found else message[start:stop]
    return found


def _spec(content: bytes) -> Spec:
    """Reads a ModelSpec; usual ones are remembered."""
    return _cached(content) if len(content) <= _LONGEST_CACHED else _read_spec(content)


def _read_spec(content: bytes) -> Spec:
    name = ""
    version: int | None = None
    label: str | None = None
    try:
        for number, start, stop in _extents(content):
            part = content[start:stop]
            if number == 1:
                name = part.decode()
            elif number == 2:
                # Int64Values that follow each other merge too: one that is empty changes nothing.
                version, label = _int64(part, version or 0), None
            elif number == 4:
                version, label = None, part.decode()
    except UnicodeDecodeError as error:
        raise UnreadableError("a name that is not UTF-8") from error
    return Spec(name, version, label)


_cached: Final = lru_cache(maxsize=4096)(_read_spec)


def _int64(content: bytes, value: int) -> int:
    position = 0
    while position < len(content):
        tag, position = _number(content, position)
        if tag == 0x08:
            value, position = _number(content, position)
            value = value - 2**64 if value >= 2**63 else value
        else:
            position = _skipped(content, position, tag & 7)
    return value


def _extents(message: bytes) -> list[tuple[int, int, int]]:
    """Returns number, start and end of the content of each length-delimited field; the number of others is negative.

    Raises:
        UnreadableError: The message is malformed, or has too many fields.
    """
    found: list[tuple[int, int, int]] = []
    position, end = 0, len(message)
    try:
        while position < end:
            tag = message[position]
            position += 1
            if tag > 127:
                tag, position = _number(message, position - 1)
            if tag & 7 == _BYTES:
                length = message[position]
                position += 1
                if length > 127:
                    length, position = _number(message, position - 1)
                start = position
                position += length
                found.append((tag >> 3, start, position))
            else:
                start = position
                position = _skipped(message, position, tag & 7)
                found.append((-(tag >> 3), start, position))
            if not tag >> 3 or position > end or len(found) > _FIELDS:
                raise UnreadableError("a malformed message, or one with too many fields")
    except IndexError:
        raise UnreadableError("a message that is cut off") from None
    return found


def _skipped(message: bytes, position: int, kind: int) -> int:
    if kind == _VARINT:
        return _number(message, position)[1]
    if kind == _BYTES:
        length, position = _number(message, position)
        return position + length
    if kind not in _FIXED:
        raise UnreadableError("a group, which no message of TF Serving has")
    return position + _FIXED[kind]


def _number(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value & (2**64 - 1), position
        shift += 7
        if shift >= _LONGEST_VARINT:
            raise UnreadableError("a number that is too long")
