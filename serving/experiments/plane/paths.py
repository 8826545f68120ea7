"""TF Serving's REST paths: which model a request asks for, and the same path for another model or version."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote_to_bytes

if TYPE_CHECKING:
    from serving.experiments.contract import Target

_CALL: Final = re.compile(
    r"(?i:/v1/models/)([^/:]+)((?i:/versions/)[0-9]+|(?i:/labels/)[^/:]+)?:(classify|regress|predict)"
)
_LOOK: Final = re.compile(
    r"(?i:/v1/models/)([^/:]+)((?i:/versions/)[0-9]+|(?i:/labels/)[^/:]+)?((?i:/metadata))?"
)
_CACHED_LENGTH: Final = 256
STATUS: Final = "status"
METADATA: Final = "metadata"


@dataclass(frozen=True, slots=True)
class Path:
    """A path of TF Serving's API.

    Attributes:
        call: ``predict``, ``classify``, ``regress``, ``status`` or ``metadata``.
        model: The model's name, decoded.
        chosen: Whether the path itself names a version or a label.
        before: What is in front of the model's name.
        after: What follows the version or label.
    """

    call: str
    model: str
    chosen: bool
    before: str
    after: str


def parse(method: str, target: str) -> Path | None:
    """Reads a request's method and target as TF Serving does.

    Returns:
        The path; None for everything that asks for no model, or that TF Serving refuses.
    """
    return _cached(method, target) if len(target) <= _CACHED_LENGTH else _parse(method, target)


def _parse(method: str, target: str) -> Path | None:
    pattern = {"POST": _CALL, "GET": _LOOK}.get(method)
    match = pattern.fullmatch(target) if pattern else None
    if match is None:
        return None
    name, version, word = match.groups()
    after = target[match.end(2) if version else match.end(1) :]
    call = word if method == "POST" else METADATA if word else STATUS
    return Path(call, _decoded(name), version is not None, target[: match.start(1)], after)


_cached = lru_cache(maxsize=1024)(_parse)


def _decoded(text: str) -> str:
    # Bytes that are not UTF-8 become U+FFFD, which no model name contains.
    return unquote_to_bytes(text).decode(errors="replace") if "%" in text else text


def rewritten(path: Path, to: Target) -> str:
    """Returns the path with another model, and with the target's version or label.

    The versions of a model are all listed in its status, so that keeps neither.
    """
    choice = "" if path.call == STATUS else _choice(to.version, to.label)
    return f"{path.before}{_quoted(to.model)}{choice}{path.after}"


@lru_cache(maxsize=1024)
def _choice(version: int | None, label: str) -> str:
    if version is not None:
        return f"/versions/{version}"
    return f"/labels/{_quoted(label)}" if label else ""


@lru_cache(maxsize=1024)
def _quoted(name: str) -> str:
    return quote(name, safe="")
