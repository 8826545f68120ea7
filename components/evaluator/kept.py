"""What models answered to the rows of a test split, kept for the next evaluation beside one of them.

A model that is blessed is evaluated again and again, as the one that others are compared with, on rows that it has
answered to already. So each evaluation keeps the answers it asked for, in one file for each model, and looks into the
evaluations beside it before it asks. A file is found by the content of the model and of the rows, so that it can never be
that of another model or of other rows, and it is removed with its evaluation.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from components import signature
from foundation.errors import DataError, StorageError
from foundation.publish import published_file

log = logging.getLogger(__name__)

FOLDER = "predictions"
"""Folder of an evaluation with the answers that it asked for."""
MOST_BYTES = 64 * 1024**2
"""Answers that take more than this in memory are not kept: a million rows take 4 MiB for each output or class."""
_FORMAT = 1
_CHUNK = 1024**2
_DAMAGE = (zlib.error, json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError)


@dataclass
class _Collected:
    """Answers of one model as they come in, batch by batch."""

    pieces: dict[str, list[Any]] = field(default_factory=dict)
    rows: int = 0
    bytes: int = 0


class Answers:
    """Answers of models to the batches of one split, asked in order; ``ask`` and ``advance`` for each batch, then ``keep``.

    Args:
        evaluation: Folder of the evaluation that is being made.
        split: What stands for the content of the split, of ``digest``.
        outputs: Names of the outputs that are worth keeping.
    """

    def __init__(self, evaluation: Path, split: str, outputs: Iterable[str]) -> None:
        self._evaluation, self._split, self._outputs = evaluation, split, frozenset(outputs)
        self._keys: dict[str, str] = {}
        self._found: dict[str, Mapping[str, Any] | None] = {}
        self._collected: dict[str, _Collected] = {}
        self._start = 0

    @property
    def read(self) -> set[str]:
        """Folders of the models that an earlier evaluation had the answers of."""
        return {path for path, found in self._found.items() if found is not None}

    def ask(self, path: str, rows: Sequence[bytes]) -> Mapping[str, Any]:
        """Returns output → the answers of the model in a folder to a batch.

        Raises:
            DataError: An earlier evaluation has answers to other rows.
        """
        if path not in self._found:
            self._keys[path] = self._key(path)
            self._found[path] = self._find(self._keys[path])
        found = self._found[path]
        if found is None:
            answers = signature.load(path).predict(rows)
            self._collect(path, {name: answers[name] for name in answers if name in self._outputs})
            return answers
        part = {name: column[self._start : self._start + len(rows)] for name, column in found.items()}
        if any(len(column) != len(rows) for column in part.values()):
            raise DataError(
                f"answers of model {path}", expected="one for each row of the test split", seen="fewer"
            )
        return part

    def advance(self, rows: int) -> None:
        """Says that the next batch follows one of so many rows."""
        self._start += rows

    def keep(self) -> None:
        """Writes the answers of every model that was asked for all rows."""
        for path, found in self._collected.items():
            if found.bytes > MOST_BYTES:
                log.info("the answers of %s are not kept: they take more than %d bytes", path, MOST_BYTES)
            elif found.rows == self._start:
                key = self._keys[path]
                columns = {name: np.concatenate(pieces) for name, pieces in found.pieces.items()}
                try:
                    with published_file(self._evaluation / FOLDER / key) as temporary:
                        temporary.write_bytes(packed(key, columns))
                except StorageError as error:
                    log.warning("the answers of %s are not kept: %s", path, error)

    def _collect(self, path: str, answers: Mapping[str, Any]) -> None:
        found = self._collected.setdefault(path, _Collected())
        found.rows += len(next(iter(answers.values()), ()))
        found.bytes += sum(np.asarray(column).nbytes for column in answers.values())
        if found.bytes > MOST_BYTES:
            found.pieces.clear()
            return
        for name, column in answers.items():
            found.pieces.setdefault(name, []).append(np.asarray(column))

    def _key(self, path: str) -> str:
        import tensorflow as tf

        parts = (str(_FORMAT), tf.__version__, *sorted(self._outputs), self._split, digest([Path(path)]))
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:40]

    def _find(self, key: str) -> Mapping[str, Any] | None:
        for file in sorted(self._evaluation.parent.glob(f"*/{FOLDER}/{key}"), reverse=True):
            try:
                return unpacked(key, file.read_bytes())
            except FileNotFoundError:  # its evaluation is being removed
                continue
            except (OSError, ValueError) as error:
                log.warning("%s is thrown away, and the model asked: %s", file, error)
                with contextlib.suppress(OSError):
                    file.unlink()
        return None


def digest(paths: Iterable[Path]) -> str:
    """Returns a SHA-256 over the names and the content of files, and of all files in folders."""
    total = hashlib.sha256()
    for path in paths:
        files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
        for file in files:
            total.update(
                f"{file.relative_to(path) if file != path else file.name}\0{file.stat().st_size}\0".encode()
            )
            with file.open("rb") as opened:
                while chunk := opened.read(_CHUNK):
                    total.update(chunk)
    return total.hexdigest()


def packed(key: str, columns: Mapping[str, Any]) -> bytes:
    """Returns columns as a file holds them: one line of JSON that says what follows, then the compressed arrays.

    Args:
        key: What stands for the model and the rows.
        columns: Output → [n, …] array.
    """
    body = zlib.compress(b"".join(np.ascontiguousarray(column).tobytes() for column in columns.values()), 1)
    shapes = [[name, column.dtype.str, list(column.shape)] for name, column in columns.items()]
    head = {"key": key, "columns": shapes}
    return json.dumps({**head, "sha256": _checksum(head, body)}).encode() + b"\n" + body


def unpacked(key: str, content: bytes) -> dict[str, Any]:
    """Returns the columns that ``packed`` was given.

    Raises:
        ValueError: The content is cut, altered, or of another model or other rows.
    """
    line, _, body = content.partition(b"\n")
    try:
        head = json.loads(line)
        told = head.pop("sha256")
        if head["key"] != key:
            raise ValueError("it holds answers of another model or to other rows")
        if told != _checksum(head, body):
            raise ValueError("its checksum is wrong")
        data, place, columns = zlib.decompress(body), 0, {}
        for name, kind, shape in head["columns"]:
            column = np.frombuffer(data, np.dtype(kind), int(np.prod(shape)), place).reshape(shape)
            columns[name], place = column, place + column.nbytes
    except _DAMAGE as error:
        raise ValueError(f"it is damaged: {error!r}") from error
    return columns


def _checksum(head: Mapping[str, Any], body: bytes) -> str:
    return hashlib.sha256(json.dumps(head, sort_keys=True).encode() + b"\n" + body).hexdigest()
