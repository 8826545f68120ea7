"""Writing gz TFRecord shards a batch at a time: one zlib call for a batch, at the fast level."""

from __future__ import annotations

import zlib
from pathlib import Path

from foundation.tfrecord import framed_batch

GZ_LEVEL = 1
"""Twice as fast as the default for a tenth more bytes."""


class ShardWriter:
    """One gz TFRecord file that grows batch by batch.

    Args:
        path: The file; it must not be one that others read yet.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.rows = path, 0
        self._file = path.open("wb")
        self._gz = zlib.compressobj(GZ_LEVEL, zlib.DEFLATED, 31)

    def write(self, records: list[bytes]) -> None:
        """Appends serialized records."""
        self._file.write(self._gz.compress(framed_batch(records)))
        self.rows += len(records)

    def close(self) -> None:
        """Writes what is left, and the end mark."""
        self._file.write(self._gz.flush())
        self._file.close()

    def abort(self) -> None:
        """Removes the file."""
        self._file.close()
        self.path.unlink(missing_ok=True)
