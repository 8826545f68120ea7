"""One file for each range, and a checkpoint beside it: what a killed export has written for certain.

A shard is a row of gz members, which every reader of gz takes as one file. A member is closed, brought to the disk and
only then noted in the checkpoint; what stands behind the noted size is cut off when the export goes on. So no document
is lost or there twice, wherever the process was killed.
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
"""A member holds about so much before compression, or what came in ``MEMBER_SECONDS``."""
MEMBER_SECONDS = 5.0
_LEVEL = 3


@dataclass(frozen=True)
class Checkpoint:
    """How far a range is."""

    documents: int = 0
    content_bytes: int = 0
    """Bytes before compression."""
    size: int = 0
    """Bytes of the shard that are valid."""
    after: str | None = None
    """The last ``_id``, in canonical Extended JSON."""
    done: bool = False
    outside_snapshot: int = 0
    """Documents that were not read as of the snapshot's moment."""
    replaced: int = 0
    """Documents with bytes that are no UTF-8."""


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
        """Cuts off what was written and never noted."""
        try:
            if self.path.exists():
                os.truncate(self.path, self.checkpoint.size)
        except OSError as error:
            raise storage_error(self.path, error) from error

    @property
    def after(self) -> tuple[Any, ...]:
        """The ``_id`` behind which reading goes on: of what was added, written or not."""
        return read(self._open.after)

    def add(self, content: bytes, documents: int, last_id: Any, *, in_snapshot: bool, replaced: int) -> None:
        """Adds a batch; it is on the disk at the latest with ``flush``."""
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
        """Writes what is pending, then notes it.

        Raises:
            StorageError: The disk is full or cannot be written.
        """
        if not self._pending and not done:
            return
        member = _gz(b"".join(self._pending)) if self._pending else b""
        try:
            with self.path.open("r+b" if self.path.exists() else "w+b") as stream:
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
    """Returns where a range's checkpoint stands."""
    return folder / f".range-{index:05d}.json"


def load_checkpoint(folder: Path, index: int) -> Checkpoint:
    """Returns how far a range is; from the beginning where nothing is noted."""
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
