"""Transformed rows as arrays beside the Transform graph that made them, so that the next training need not make them again.

A file is found by the content of the graph and of the raw rows, never by paths or times, so it cannot be that of others. It
is removed with the graph's artifact. What is cut short or altered is thrown away and made anew.
"""

from __future__ import annotations

import contextlib
import logging
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from components.trainer.config import Task
from components.trainer.content import ROWS, content_key
from components.trainer.data import TransformedSplit
from components.trainer.transform_graph import TransformGraph
from foundation.errors import StorageError
from foundation.publish import published_file

log = logging.getLogger(__name__)

MOST_FILES = 6
"""Files that are kept beside one graph; older ones are removed."""
_FORMAT = "penstock rows 1"
_LABEL, _WITHOUT, _KEY = "label:", "without label:", "key:"
"""Arrays beside the features; a feature's name has no colon."""
_DAMAGE = (zipfile.BadZipFile, ValueError, KeyError, EOFError, OSError, RuntimeError)
"""What reading says of damage; ``RuntimeError`` where altered bits ask for a password or for another compression."""

Load = Callable[[str, Sequence[str], TransformGraph, Task], TransformedSplit]
"""Makes the rows of a split: name of the split, patterns of its files, graph and task."""


def kept_split(
    name: str, patterns: Sequence[str], graph: TransformGraph, task: Task, load: Load
) -> TransformedSplit:
    """Returns a split as it was kept, or makes and keeps it.

    Args:
        name: Name of the split, for messages.
        patterns: File patterns of gzip TFRecords of tf.Examples.
        graph: The Transform graph.
        task: The task.
        load: Makes the rows.
    """
    root = Path(graph.path)
    if "://" in graph.path or not root.is_dir():
        return load(name, patterns, graph, task)
    key = content_key(root, patterns, _FORMAT, graph.label, task)
    file = root / ROWS / f"{key[:32]}.npz"
    found = _read(file, key)
    if found is None:
        found = load(name, patterns, graph, task)
        _keep(found, file, key)
    return found


def _read(file: Path, key: str) -> TransformedSplit | None:
    """Returns the rows of a file, None if it is not there, not whole, or of another content."""
    if not file.exists():
        return None
    try:
        with np.load(file, allow_pickle=False) as arrays:
            columns = {name: arrays[name] for name in arrays.files}  # zip holds a checksum of each
        if str(columns.pop(_KEY)) != key:
            raise ValueError("it is of other content")
        without, labels = int(columns.pop(_WITHOUT)), columns.pop(_LABEL)
    except _DAMAGE as error:
        log.warning("kept rows %s are thrown away and made anew: %s", file.name, error)
        with contextlib.suppress(OSError):  # it is gone, or the folder can only be read
            file.unlink()
        return None
    return TransformedSplit(columns, labels, without)


def _keep(split: TransformedSplit, file: Path, key: str) -> None:
    """Writes rows that are in memory; a disk that is full or closed costs time, not the training."""
    if any(isinstance(column, np.memmap) for column in split.features.values()):
        return
    beside = {_LABEL: split.labels, _WITHOUT: np.array(split.without_label), _KEY: np.array(key)}
    try:
        with published_file(file) as temporary, temporary.open("wb") as out:
            np.savez(out, **split.features, **beside)  # type: ignore[arg-type]
        kept = sorted(file.parent.glob("*.npz"), key=lambda one: one.stat().st_mtime)
        for old in kept[:-MOST_FILES]:
            old.unlink(missing_ok=True)
    except (StorageError, OSError) as error:
        log.warning("rows are not kept for the next training: %s", error)
