"""Finds a model's versions: the numeric children of its base path."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from foundation.saved_model import MODEL_FILE
from serving.server.status import Code, ServingError

_NUMBER = re.compile(r"-?[0-9]{1,30}", re.ASCII)
_NEARLY = re.compile(r"v[0-9]+|[0-9]+\.[0-9.]*[0-9]|v?[0-9]+[._-][0-9._-]*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class Found:
    """The contents of a base path.

    Attributes:
        versions: Number → the version's directory.
        doubles: Names left out because another name has the same number.
        remedy: If there is no version: what is probably wrong with the directory, or an empty text.
    """

    versions: dict[int, Path]
    doubles: tuple[str, ...] = ()
    remedy: str = ""


def look(base_path: str) -> Found:
    """Lists a base path once.

    Raises:
        ServingError: NOT_FOUND if the path is missing, FAILED_PRECONDITION if it cannot be read.
    """
    try:
        names = sorted(os.listdir(local(base_path)), key=_order)
    except FileNotFoundError as error:
        raise ServingError(Code.NOT_FOUND, f"Could not find base path {base_path}") from error
    except OSError as error:
        raise ServingError(
            Code.FAILED_PRECONDITION, f"Could not read base path {base_path}: {error.strerror}"
        ) from error
    versions: dict[int, Path] = {}
    doubles = []
    for name in names:
        number = version_number(name)
        if number is None:
            continue
        if number in versions:
            doubles.append(name)
        else:
            versions[number] = local(base_path) / name
    return Found(versions, tuple(doubles), "" if versions else _remedy(base_path, names))


def _order(name: str) -> tuple[bool, str]:
    """Puts ``1`` before ``01``: of several names for one number, the plain one counts."""
    number = version_number(name)
    return number is not None and name != str(number), name


def version_number(name: str) -> int | None:
    """Returns the number if the whole name is a signed 64-bit decimal, otherwise None."""
    if not _NUMBER.fullmatch(name):
        return None
    number = int(name)
    return number if -(2**63) <= number < 2**63 else None


def local(base_path: str) -> Path:
    """Returns the local path of a base path, without ``file://``.

    Raises:
        ServingError: UNIMPLEMENTED for the URI of another file system, INVALID_ARGUMENT for an impossible path.
    """
    if "\0" in base_path:
        raise ServingError(Code.INVALID_ARGUMENT, "The base path contains a NUL character")
    path = base_path.removeprefix("file://")
    if "://" in path:
        raise ServingError(
            Code.UNIMPLEMENTED,
            f"File system scheme '{path.partition('://')[0]}' not implemented (base path: '{base_path}')",
        )
    return Path(path)


def check_inside(base_path: str, directory: Path) -> None:
    """Refuses a version directory that is a symbolic link out of its base path.

    Raises:
        ServingError: FAILED_PRECONDITION with both paths.
    """
    base, real = (Path(os.path.realpath(path)) for path in (local(base_path), directory))
    if not real.is_relative_to(base):
        raise ServingError(
            Code.FAILED_PRECONDITION,
            f"Version directory {directory} is a symbolic link out of its base path {base}, "
            f"to {real}; it is not loaded, as --refuse_outside_links is set. Copy the version there, or make "
            f"{real.parent} the base path.",
        )


def _remedy(base_path: str, names: list[str]) -> str:
    if {MODEL_FILE, "saved_model.pbtxt"} & set(names):
        parent = os.path.dirname(base_path.rstrip("/")) or "/"
        if version_number(os.path.basename(base_path.rstrip("/"))) is not None:
            return f"{base_path} is a version directory itself: set the base path to {parent}."
        return f"{base_path} holds a saved_model.pb itself: move its contents to {base_path.rstrip('/')}/1/."
    nearly = [name for name in names if _NEARLY.fullmatch(name)]
    if nearly:
        return (
            f"{', '.join(repr(name) for name in nearly[:3])}: a version's name must be a whole number, "
            "nothing else (1, 2, 20250131)."
        )
    return ""
