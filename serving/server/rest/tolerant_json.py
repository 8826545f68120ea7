"""Parses JSON as TF Serving's RapidJSON does: fast for strict JSON, tolerant of NaN and infinities.

orjson goes first. What it refuses is parsed again by the standard library's scanner, which accepts ``NaN``,
``Infinity`` and text after the closing brace; ``Inf`` is spelled out for it first. Large texts are read in pieces.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final

import orjson

from serving.server.rest import json_pieces
from serving.server.rest.json_pieces import problem
from serving.server.status import Code, ServingError

_BOM: Final = b"\xef\xbb\xbf"
_LEADING: Final = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\n\r]*")
_SHORT_INFINITY: Final = re.compile(
    r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|-?\b(?:Inf(?:inity)?|NaN)\b', re.DOTALL
)
"""Skips whole strings (even unclosed ones, so that no text is scanned twice) and finds short infinities."""
_SPELLED: Final = {"Inf": "Infinity", "-Inf": "-Infinity", "-NaN": "NaN"}

_MESSAGES: Final = (
    ("Expecting value", "Invalid value."),
    ("Expecting ',' delimiter", "Missing a comma or } or ] after a member or an element."),
    ("Expecting property name", "Missing a name for object member."),
    ("Expecting ':' delimiter", "Missing a colon after a name of object member."),
    ("Unterminated string", "Missing a closing quotation mark in string."),
    ("Invalid control character", "Invalid encoding in string."),
    ("Invalid \\uXXXX escape", "Incorrect hex digit after \\u escape in string."),
    ("Invalid \\", "Invalid escape character in string."),
    ("Illegal trailing comma", "Missing a name for object member."),
)


def parse(body: bytes | bytearray) -> Any:
    """Reads a JSON text.

    Raises:
        ServingError: INVALID_ARGUMENT with ``JSON Parse error: …``.
    """
    if len(body) > json_pieces.PIECE_BYTES:
        return _parse_large(body)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return _parse_tolerantly(bytes(body))


def _parse_large(body: bytes | bytearray) -> Any:
    start = _begin(body)
    if body[start : start + 1] in (b"{", b"["):
        return json_pieces.parse(body, start, _tolerant)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        # One value, which is no request: the beginning tells what is wrong.
        return _parse_tolerantly(bytes(body[start : start + json_pieces.PIECE_BYTES]).rstrip(b"\x80\xbf"))


def _begin(body: bytes | bytearray) -> int:
    """Returns where the text begins, after a byte order mark and white space."""
    found = _LEADING.match(body)
    assert found is not None, "the pattern matches nothing too"
    if found.end() == len(body):
        raise _empty()
    return found.end()


def _parse_tolerantly(body: bytes) -> Any:
    bare = body.removeprefix(_BOM)
    return _tolerant(bare, len(body) - len(bare), _begin(bare))


def _tolerant(body: bytes | bytearray, offset: int, begin: int = 0) -> Any:
    """Reads a text, or a piece of one that begins at an offset."""
    try:
        text = body.decode()
    except UnicodeDecodeError as exc:
        raise problem("Invalid encoding in string.", offset + exc.start) from exc
    try:
        return _decode(text, begin)
    except json.JSONDecodeError as exc:
        if "Inf" not in text and "-NaN" not in text:
            raise _refused(exc, offset) from exc
    try:
        return _decode(_SHORT_INFINITY.sub(_spelled, text), begin)
    except json.JSONDecodeError as exc:
        raise _refused(exc, offset) from exc


def _empty() -> ServingError:
    return ServingError(Code.INVALID_ARGUMENT, "JSON Parse error: The document is empty")


def _decode(text: str, start: int) -> Any:
    try:
        return _DECODER.raw_decode(text, start)[0]
    except RecursionError as exc:
        raise problem("Nested too deeply.", start) from exc


def _spelled(match: re.Match[str]) -> str:
    return _SPELLED.get(match[0], match[0])


def _integer(digits: str) -> int | float:
    """Returns an integer as RapidJSON stores it: in 64 bits if it fits, otherwise as a double."""
    if len(digits) <= 20:
        value = int(digits)
        if -(2**63) <= value < 2**64:
            return value
    return _real(digits)


def _real(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise problem("Number too big to be stored in double.", None)
    return value


def _refused(exc: json.JSONDecodeError, offset: int) -> ServingError:
    place = max(0, offset + len(exc.doc[: exc.pos].encode("utf-8", "surrogatepass")))
    for prefix, text in _MESSAGES:
        if exc.msg.startswith(prefix):
            return problem(text, place)
    return problem(exc.msg, place)


_DECODER: Final = json.JSONDecoder(parse_float=_real, parse_int=_integer)
