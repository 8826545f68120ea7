"""Strings and arrays as JSON text, laid out like RapidJSON's pretty writer."""

from __future__ import annotations

import base64
import re
from math import prod
from typing import Final

import numpy as np

from serving.server.rest.float_text import float_texts
from serving.server.status import Code, ServingError

_SPECIAL: Final = re.compile('[\x00-\x1f"\\\\]')
_SHORT: Final = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_INDENT: Final = "    "
_NUMPY_NAMES: Final = {"float16": "half"}


def quoted(text: str) -> str:
    """Returns a JSON string."""
    return f'"{_SPECIAL.sub(_escaped, text)}"'


def _escaped(match: re.Match[str]) -> str:
    char = match[0]
    return _SHORT.get(char) or f"\\u{ord(char):04X}"


def leaf_texts(values: np.ndarray, *, as_bytes: bool, depth: int) -> list[str]:
    """Returns the JSON of every element, in order.

    Args:
        values: Any shape.
        as_bytes: Whether to write strings as base64 objects.
        depth: How many lists and objects enclose an element.

    Raises:
        ServingError: INVALID_ARGUMENT for a type that JSON cannot carry.
    """
    flat = values.reshape(-1)
    if flat.dtype.char in "fd":
        return float_texts(np.ascontiguousarray(flat))
    if flat.dtype.kind in "iu" and flat.dtype != np.uint16:
        return list(map(str, flat.tolist()))
    if flat.dtype.kind == "b":
        return ["true" if value else "false" for value in flat.tolist()]
    if flat.dtype.kind in "OSU":
        raw = [value if isinstance(value, bytes) else str(value).encode() for value in flat.tolist()]
        return [_bytes(value, depth) for value in raw] if as_bytes else list(map(_string, raw))
    name = _NUMPY_NAMES.get(flat.dtype.name, flat.dtype.name)
    raise ServingError(Code.INVALID_ARGUMENT, f"Failed to write JSON value for tensor type: {name}")


def _string(value: bytes) -> str:
    """Returns a string; bytes that are not UTF-8 pass through unchanged, as in TF Serving."""
    return quoted(value.decode("utf-8", "surrogateescape"))


def _bytes(value: bytes, depth: int) -> str:
    text = base64.b64encode(value).decode("ascii")
    return f'{{\n{_INDENT * (depth + 1)}"b64": "{text}"\n{_INDENT * depth}}}'


def one_line(texts: list[str], shape: tuple[int, ...]) -> str:
    """Nests the elements' texts into lists of a shape, on one line."""
    for axis in range(len(shape) - 1, -1, -1):
        size = shape[axis]
        starts = range(0, prod(shape[: axis + 1]), size) if size else range(prod(shape[:axis]))
        texts = [f"[{', '.join(texts[start : start + size])}]" for start in starts]
    return texts[0]


def many_lines(texts: list[str], shape: tuple[int, ...], depth: int) -> str:
    """Nests the elements' texts into lists of a shape, one line per element.

    Args:
        texts: One per element.
        shape: The shape.
        depth: How many lists and objects enclose the outermost list.
    """
    for axis in range(len(shape) - 1, -1, -1):
        size = shape[axis]
        if not size:
            texts = ["[]"] * prod(shape[:axis])
            continue
        inner, outer = "\n" + _INDENT * (depth + axis + 1), "\n" + _INDENT * (depth + axis)
        comma = "," + inner
        starts = range(0, prod(shape[: axis + 1]), size)
        texts = [f"[{inner}{comma.join(texts[start : start + size])}{outer}]" for start in starts]
    return texts[0]
