"""Columns of transformed rows: in memory while they fit, otherwise in files that clean up after themselves."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from foundation import temporaries
from foundation.temporaries import SPILLED_ROWS, Temporary

MEMORY_LIMIT = 1 << 30
"""Bytes of one split to keep in memory; larger splits go to disk."""


class ColumnBuilder:
    """Collects batches of rows into columns.

    Args:
        limit: Bytes to hold in memory at most.
    """

    def __init__(self, limit: int = MEMORY_LIMIT) -> None:
        self._limit, self._held = limit, 0
        self._parts: dict[str, list[np.ndarray]] = {}
        self._folder: Temporary | None = None

    def add(self, batch: Mapping[str, np.ndarray]) -> None:
        """Appends rows."""
        for name, values in batch.items():
            self._parts.setdefault(name, []).append(values)
            self._held += values.nbytes
        if self._held > self._limit:
            self._spill()

    def build(self) -> dict[str, np.ndarray]:
        """Returns name → column; a column on disk is memory-mapped, and its file disappears with the column."""
        if self._folder is None:
            return {name: np.concatenate(parts) for name, parts in self._parts.items()}
        self._spill()
        folder = self._folder.path
        columns = {name: _mapped(folder / name, parts[0]) for name, parts in self._parts.items()}
        self._folder.discard()  # open maps keep the data alive after the files are deleted
        return columns

    def _spill(self) -> None:
        if self._folder is None:
            place = Path(tempfile.gettempdir())
            temporaries.sweep(place, SPILLED_ROWS)
            self._folder = temporaries.make_folder(place, SPILLED_ROWS)
        for name, parts in self._parts.items():
            with (self._folder.path / name).open("ab") as file:
                for part in parts:
                    part.tofile(file)
            self._parts[name] = [parts[0][:0]]
        self._held = 0


def _mapped(file: Path, example: np.ndarray) -> np.ndarray:
    """Maps a file of rows with the example's type and width."""
    flat: np.ndarray = np.memmap(file, dtype=example.dtype, mode="r")
    return flat.reshape(-1, *example.shape[1:])
