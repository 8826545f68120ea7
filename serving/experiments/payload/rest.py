"""Rows of the JSON bodies of TF Serving's REST API."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Final

from serving.experiments.payload import examples
from serving.experiments.payload.rows import UNNAMED, Rows, cell, gathered, text

if TYPE_CHECKING:
    from collections.abc import Collection

_B64: Final = "b64"
_BOM: Final = b"\xef\xbb\xbf"
_PLAIN: Final = frozenset((str, int, float, bool, type(None)))
_DECODER: Final = json.JSONDecoder()


def request(method: str, body: bytes, names: Collection[str] | None, most: int) -> Rows:
    """Reads a request's body.

    Args:
        method: ``predict``, ``classify`` or ``regress``.
        body: The JSON text.
        names: Features to read; None for all.
        most: Rows to read.

    Raises:
        Exception: The body is malformed; of any kind.
    """
    document = _object(body)
    if method != "predict":
        rows = _examples(document, most)
    elif "instances" in document:
        rows = _rows(_list(document["instances"]), most)
    else:
        rows = _columns(document["inputs"], most)
    if method == "predict":
        rows = examples.opened(rows)
    if names is not None:
        rows.columns = {name: rows.columns[name] for name in names if name in rows.columns}
    signature = document.get("signature_name", "")
    rows.signature = signature if isinstance(signature, str) else ""
    return rows


def response(method: str, body: bytes, most: int) -> Rows:
    """Reads an answer's body; see ``request``."""
    document = _object(body)
    if method == "predict":
        return (
            _rows(_list(document["predictions"]), most)
            if "predictions" in document
            else _columns(document["outputs"], most)
        )
    results = _list(document["results"])
    if method == "regress":
        return Rows(len(results), {"value": results[:most]})
    pairs = results[:most]
    columns = {
        "classes": [[pair[0] for pair in row] for row in pairs],
        "scores": [[pair[1] for pair in row] for row in pairs],
    }
    return Rows(len(results), columns)


def _object(body: bytes) -> dict[str, Any]:
    """Reads strict JSON, or else what TF Serving reads and writes too: NaN, infinities, text after the brace."""
    import orjson

    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document, _ = _DECODER.raw_decode(body.removeprefix(_BOM).decode().lstrip(" \t\r\n"))
    if not isinstance(document, dict):
        raise TypeError("a body is a JSON object")
    return document


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("rows are a JSON list")
    return value


def _rows(items: list[Any], most: int) -> Rows:
    kept = items[:most]
    if kept and all(isinstance(item, dict) and not _is_b64(item) for item in kept):
        return Rows(len(items), gathered(list(map(_cells, kept))))
    return Rows(len(items), {UNNAMED: [_value(item) for item in kept]})


def _columns(value: Any, most: int) -> Rows:
    """Reads columns: rows if all lists have the same length, otherwise everything as one row."""
    named = value if isinstance(value, dict) and not _is_b64(value) else {UNNAMED: value}
    lengths = {len(part) for part in named.values() if isinstance(part, list)}
    together = len(lengths) == 1
    count = next(iter(lengths)) if together else 1
    kept = min(count, most)
    columns = {
        name: [_value(item) for item in part[:most]]
        if together and isinstance(part, list)
        else [_value(part)] * kept
        for name, part in named.items()
    }
    return Rows(count, columns)


def _examples(document: dict[str, Any], most: int) -> Rows:
    context = document.get("context", {})
    items = _list(document["examples"])
    return Rows(
        len(items),
        gathered([{name: _value(v) for name, v in {**context, **item}.items()} for item in items[:most]]),
    )


def _value(value: Any) -> Any:
    kind = type(value)
    if kind is list:
        return cell([_value(item) for item in value])
    if kind is dict:
        return text(base64.b64decode(value[_B64], validate=True)) if _is_b64(value) else None
    return value


def _cells(row: dict[str, Any]) -> dict[str, Any]:
    return {name: part if type(part) in _PLAIN else _value(part) for name, part in row.items()}


def _is_b64(value: Any) -> bool:
    return type(value) is dict and len(value) == 1 and isinstance(value.get(_B64), str)
