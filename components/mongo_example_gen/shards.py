"""Writes gz TFRecord shards, one fast zlib call per batch."""

from __future__ import annotations

import zlib
from pathlib import Path

from foundation.tfrecord import framed_batch

GZ_LEVEL = 1
"""Twice as fast as the default, for 10% more bytes."""


class ShardWriter:
    """A gz TFRecord file, written batch by batch.

    Args:
        path: The file; nobody else may read it yet.
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
        """Writes the rest and the end mark."""
        self._file.write(self._gz.flush())
        self._file.close()

    def abort(self) -> None:
        """Removes the file."""
        self._file.close()
        self.path.unlink(missing_ok=True)
