"""Writes the last states of documents to private files that are read like any export."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import IO, Any

from components.exports.changes.events import DELETED, OPERATION
from components.exports.formats.base import ITEM_BYTES, FileFormat, Known
from components.exports.formats.csv_records import cells_of
from foundation.temporaries import open_private


class FoldedFiles:
    """JSON lines for documents; CSV for rows of CSV, whose cells have no types yet.

    Args:
        folder: Where they are written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[tuple[str, ...], IO[bytes]] = {}
        """Header → the file that rows with it are written to; without one, documents."""
        self.known: Known = []

    def write_document(self, state: dict[str, Any]) -> None:
        """Writes a document with its leaves as Extended JSON."""
        self._write((), json.dumps(state, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")

    def write_row(self, raw: bytes, header: tuple[str, ...]) -> None:
        """Writes a row of a CSV file, without Debezium's own cells."""
        cells = cells_of(raw) or []
        kept = [number for number, name in enumerate(header) if name not in (DELETED, OPERATION)]
        self._write(tuple(header[n] for n in kept), _csv([cells[n] for n in kept]))

    def close(self) -> None:
        """Closes the files."""
        for file in self._open.values():
            file.close()

    def _write(self, header: tuple[str, ...], line: bytes) -> None:
        file = self._open.get(header)
        if file is None or file.tell() + len(line) > ITEM_BYTES:
            if file is not None:
                file.close()
            form = "csv" if header else "jsonl"
            path = self._folder / f"changes-{len(self.known):05d}.{form}"
            self.known.append((path, f"{path.name} (folded)", FileFormat(form)))
            file = self._open[header] = open_private(path)
            file.write(_csv(header) if header else b"")
        file.write(line)


def _csv(cells: list[str] | tuple[str, ...]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()
