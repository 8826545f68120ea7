"""One file per range, and a checkpoint beside it that records what is safely on disk.

A shard is a sequence of gzip members, which every gzip reader treats as one file. A member is closed and synced to disk
before it is recorded in the checkpoint; anything past the recorded size is cut off when the export resumes. So no
document is lost or duplicated, wherever the process was killed.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
import zlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from foundation.publish import storage_error, write_text
from pipeline.export.ranges import IdRange, read, written

MEMBER_BYTES = 8 * 2**20
"""Approximate size of a member before compression, unless ``MEMBER_SECONDS`` pass first."""
MEMBER_SECONDS = 5.0
_LEVEL = 3


@dataclass(frozen=True)
class Checkpoint:
    """The progress of a range."""

    documents: int = 0
    content_bytes: int = 0
    """Bytes before compression."""
    size: int = 0
    """Valid bytes of the shard."""
    after: str | None = None
    """The last ``_id``, in canonical Extended JSON."""
    done: bool = False
    outside_snapshot: int = 0
    """Documents that were not read from the snapshot."""
    replaced: int = 0
    """Documents with invalid UTF-8."""


class Shard:
    """The file of one range.

    Args:
        folder: Where it is written.
        extent: The range.
        suffix: ``jsonl`` or ``bson``.

    Raises:
        StorageError: The folder cannot be written.
    """

    def __init__(self, folder: Path, extent: IdRange, suffix: str) -> None:
        self.path = folder / f"data-{extent.index:05d}.{suffix}.gz"
        self._noted = checkpoint_path(folder, extent.index)
        self.checkpoint = load_checkpoint(folder, extent.index)
        self._cut()
        self._pending: list[bytes] = []
        self._open = self.checkpoint
        self._last_write = time.monotonic()

    def _cut(self) -> None:
        """Cuts off what was written but not recorded."""
        try:
            if self.path.exists():
                os.truncate(self.path, self.checkpoint.size)
        except OSError as error:
            raise storage_error(self.path, error) from error

    @property
    def after(self) -> tuple[Any, ...]:
        """The ``_id`` after which reading continues: the last one added, written or not."""
        return read(self._open.after)

    def add(self, content: bytes, documents: int, last_id: Any, *, in_snapshot: bool, replaced: int) -> None:
        """Adds a batch; ``flush`` guarantees that it is on disk."""
        was = self._open
        self._pending.append(content)
        self._open = replace(
            was,
            documents=was.documents + documents,
            content_bytes=was.content_bytes + len(content),
            after=written((last_id,)),
            outside_snapshot=was.outside_snapshot + (0 if in_snapshot else documents),
            replaced=was.replaced + replaced,
        )
        waiting = self._open.content_bytes - self.checkpoint.content_bytes
        if waiting >= MEMBER_BYTES or time.monotonic() - self._last_write >= MEMBER_SECONDS:
            self.flush()

    def flush(self, done: bool = False) -> None:
        """Writes what is pending, then records it.

        Raises:
            StorageError: The disk is full or cannot be written.
        """
        if not self._pending and not done:
            return
        member = _gz(b"".join(self._pending)) if self._pending else b""
        try:
            with os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as stream:
                stream.seek(self.checkpoint.size)
                stream.write(member)
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise storage_error(self.path, error) from error
        self._open = replace(self._open, size=self.checkpoint.size + len(member), done=done)
        write_text(self._noted, json.dumps(asdict(self._open)))
        self.checkpoint = self._open
        self._pending = []
        self._last_write = time.monotonic()


def checkpoint_path(folder: Path, index: int) -> Path:
    """Returns the path of a range's checkpoint."""
    return folder / f".range-{index:05d}.json"


def load_checkpoint(folder: Path, index: int) -> Checkpoint:
    """Returns the progress of a range; the start if nothing is recorded."""
    path = checkpoint_path(folder, index)
    return Checkpoint(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else Checkpoint()


def sha256_of(path: Path) -> str:
    """Returns the SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(2**20):
            digest.update(chunk)
    return digest.hexdigest()


def _gz(content: bytes) -> bytes:
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, 31)
    return compressor.compress(content) + compressor.flush()
