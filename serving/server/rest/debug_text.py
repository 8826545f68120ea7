"""JSON values for error messages: printed as by RapidJSON, cut at 256 bytes."""

from __future__ import annotations

import json
from typing import Any, Final

from serving.server.rest.float_text import float_text

LIMIT: Final = 256
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, indent=4)


def debug_text(value: Any) -> str:
    """Returns the value as text of at most 256 bytes."""
    if isinstance(value, float):
        return float_text(value)
    pieces: list[str] = []
    size = 0
    for piece in _pieces(value):
        pieces.append(piece)
        size += len(piece)
        if size >= LIMIT:
            break
    return "".join(pieces).encode("utf-8", "replace")[:LIMIT].decode("utf-8", "ignore")


def _pieces(value: Any) -> Any:
    """Yields the value's JSON in pieces, nested values one by one."""
    if isinstance(value, str):
        return (
            (json.dumps(value[:LIMIT], ensure_ascii=False),)
            if len(value) > LIMIT
            else (_ENCODER.encode(value),)
        )
    return _ENCODER.iterencode(value)


def type_name(value: Any) -> str:
    """Returns RapidJSON's name for a value's type."""
    if value is None:
        return "Null"
    if isinstance(value, bool):
        return "True" if value else "False"
    for kind, name in ((dict, "Object"), (list, "Array"), (str, "String")):
        if isinstance(value, kind):
            return name
    return "Number"
