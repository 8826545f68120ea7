"""Maps a method and a path to a call, as TF Serving does."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import unquote_to_bytes

from serving.server.engine.signature import ModelSpec
from serving.server.status import Code, ServingError

_CALL: Final = re.compile(
    r"/v1/models/([^/:]+)(?:/versions/(\d+)|/labels/([^/:]+))?:(classify|regress|predict)",
    re.IGNORECASE | re.ASCII,
)
_LOOK: Final = re.compile(
    r"/v1/models(?:/([^/:]+))?(?:/versions/(\d+)|/labels/([^/:]+))?(?:/(metadata))?",
    re.IGNORECASE | re.ASCII,
)
_PREFIX: Final = "/v1/"
_VERBS: Final = frozenset({"classify", "regress", "predict"})
_INT64_MAX: Final = 2**63 - 1
_CACHED_LENGTH: Final = 256


@dataclass(frozen=True, slots=True)
class Route:
    """The call that a request makes.

    Attributes:
        call: ``predict``, ``classify``, ``regress``, ``status`` or ``metadata``.
        spec: The model, with the path's version or label.
    """

    call: str
    spec: ModelSpec


def is_api(target: str) -> bool:
    """Returns whether a path is TF Serving's; others get 404 before anything is read."""
    return target[: len(_PREFIX)].lower() == _PREFIX


def route(method: str, target: str) -> Route:
    """Reads a request's method and target.

    The query string counts as part of the path, as in TF Serving.

    Args:
        method: The HTTP method in capitals.
        target: The path with its query, as the client wrote it (percent-encoded).

    Returns:
        The call.

    Raises:
        ServingError: INVALID_ARGUMENT if there is no such call.
    """
    return _cached(method, target) if len(target) <= _CACHED_LENGTH else _route(method, target)


def _route(method: str, target: str) -> Route:
    pattern = {"POST": _CALL, "GET": _LOOK}.get(method)
    match = pattern.fullmatch(target) if pattern else None
    if match is None:
        raise _malformed(method, target)
    name, digits, label, call = match.groups()
    spec = ModelSpec(_decoded(name or ""), _version(digits), _decoded(label) if label else None)
    if method == "POST":
        if call not in _VERBS:
            raise _malformed(method, target)
        return Route(call, spec)
    if not name:
        raise ServingError(Code.INVALID_ARGUMENT, "Missing model name in request.")
    if call not in (None, "metadata"):
        raise _malformed(method, target)
    return Route("metadata" if call else "status", spec)


_cached = lru_cache(maxsize=1024)(_route)


def _version(digits: str | None) -> int | None:
    if digits is None:
        return None
    version = int(digits) if len(digits) <= 4000 else _INT64_MAX + 1
    if version > _INT64_MAX:
        raise ServingError(Code.INVALID_ARGUMENT, f"Failed to convert version: {digits} to numeric.")
    return version


def _decoded(text: str) -> str:
    """Returns the decoded text; bytes that are not UTF-8 become U+FFFD, which no model name contains."""
    if "%" not in text:
        return text
    return unquote_to_bytes(text).decode(errors="replace")


def _malformed(method: str, target: str) -> ServingError:
    return ServingError(Code.INVALID_ARGUMENT, f"Malformed request: {method} {target}")
