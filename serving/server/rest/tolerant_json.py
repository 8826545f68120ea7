"""Parses JSON as TF Serving's RapidJSON does: fast for strict JSON, tolerant of NaN and infinities.

orjson goes first. What it refuses is parsed again by the standard library's scanner, which accepts ``NaN``,
``Infinity`` and text after the closing brace; ``Inf`` is spelled out for it first.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final

import orjson

from serving.server.status import Code, ServingError

_BOM: Final = b"\xef\xbb\xbf"
_SHORT_INFINITY: Final = re.compile(
    r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|-?\b(?:Inf(?:inity)?|NaN)\b', re.DOTALL
)
"""Skips whole strings (even unclosed ones, so that no text is scanned twice) and finds short infinities."""
_SPELLED: Final = {"Inf": "Infinity", "-Inf": "-Infinity", "-NaN": "NaN"}
_WHITE: Final = " \t\n\r"

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


def parse(body: bytes | bytearray | memoryview) -> Any:
    """Reads a JSON text.

    Raises:
        ServingError: INVALID_ARGUMENT with ``JSON Parse error: …``.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return _parse_tolerantly(bytes(body))


def _parse_tolerantly(body: bytes) -> Any:
    try:
        text = body.removeprefix(_BOM).decode()
    except UnicodeDecodeError as exc:
        raise _error("Invalid encoding in string.", exc.start) from exc
    start = len(text) - len(text.lstrip(_WHITE))
    if start == len(text):
        raise ServingError(Code.INVALID_ARGUMENT, "JSON Parse error: The document is empty")
    try:
        return _decode(text, start)
    except json.JSONDecodeError as exc:
        if "Inf" not in text and "-NaN" not in text:
            raise _refused(exc) from exc
    try:
        return _decode(_SHORT_INFINITY.sub(_spelled, text), start)
    except json.JSONDecodeError as exc:
        raise _refused(exc) from exc


def _decode(text: str, start: int) -> Any:
    try:
        return _DECODER.raw_decode(text, start)[0]
    except RecursionError as exc:
        raise _error("Nested too deeply.", start) from exc


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
        raise _error("Number too big to be stored in double.", None)
    return value


def _refused(exc: json.JSONDecodeError) -> ServingError:
    for prefix, text in _MESSAGES:
        if exc.msg.startswith(prefix):
            return _error(text, exc.pos)
    return _error(exc.msg, exc.pos)


def _error(text: str, offset: int | None) -> ServingError:
    place = "" if offset is None else f" at offset: {offset}"
    return ServingError(Code.INVALID_ARGUMENT, f"JSON Parse error: {text}{place}")


_DECODER: Final = json.JSONDecoder(parse_float=_real, parse_int=_integer)
