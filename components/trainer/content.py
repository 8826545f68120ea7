"""What stands for the content that kept rows and kept references were made of: graph, raw rows, versions and code."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable
from pathlib import Path

import tensorflow as tf

ROWS, REFERENCES = "rows", "references"
"""Folders of a Transform graph's artifact for what trainings keep; they are no part of its content."""
_BLOCK = 1 << 20


def content_key(root: Path, patterns: Iterable[str], *parts: object) -> str:
    """Returns a SHA-256 over the graph's folder, the raw rows, this room's code, and whatever else matters.

    Paths and times do not count.

    Args:
        root: Folder of the Transform graph's artifact.
        patterns: File patterns of the raw rows.
        *parts: What else the result depends on.
    """
    digest = hashlib.sha256(repr((tf.__version__, _code(), *parts)).encode())
    inside = (f for f in root.rglob("*") if f.relative_to(root).parts[0] not in (ROWS, REFERENCES))
    add_files(digest, root, inside)
    for path in sorted(file for one in patterns for file in tf.io.gfile.glob(one)):
        _add(digest, path)
        digest.update(b"\n")
    return digest.hexdigest()


def add_files(digest: hashlib._Hash, root: Path, files: Iterable[Path]) -> None:
    """Adds names, sizes and content of files below a folder; folders are left out."""
    for file in sorted(file for file in files if file.is_file()):
        digest.update(f"{file.relative_to(root)} {file.stat().st_size}\n".encode())
        _add(digest, str(file))


def _add(digest: hashlib._Hash, path: str) -> None:
    with tf.io.gfile.GFile(path, "rb") as opened:
        while block := opened.read(_BLOCK):
            digest.update(block)


@functools.cache
def _code() -> str:
    """Returns a digest of this room's code: another version may make other things of the same content."""
    digest, room = hashlib.sha256(), Path(__file__).parent
    add_files(digest, room, room.rglob("*.py"))
    return digest.hexdigest()
