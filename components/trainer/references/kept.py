"""The references as they were exported, kept beside the Transform graph: another learning rate changes nothing of them.

They are found by the content of the graph and of the raw rows, the task and the seed, and removed with the graph's artifact.
What is cut short, altered or of another content is thrown away and made anew. As each training gets the same bytes, Evaluator
finds their answers kept too.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import TypeAdapter

from components.trainer.config import Task
from components.trainer.content import REFERENCES, add_files, content_key
from components.trainer.result import ReferencesResult
from foundation.errors import StorageError
from foundation.link import link_tree
from foundation.publish import published_folder

log = logging.getLogger(__name__)

MOST_FOLDERS = 6
"""References that are kept beside one graph; older ones are removed."""
_FORMAT = "penstock references 1"
_MODEL, _ABOUT = "model", "about.json"
_RESULT = TypeAdapter(ReferencesResult)

Make = Callable[[Path], ReferencesResult]
"""Fits the references, writes their SavedModel into a folder and returns what to say about them."""


def kept_references(
    graph: str, label: str, patterns: Sequence[str], task: Task, seed: int, target: Path, make: Make
) -> ReferencesResult:
    """Puts the references into a folder, as they were kept, or makes and keeps them.

    Args:
        graph: Folder of the Transform graph's artifact.
        label: Name of the label.
        patterns: File patterns of the raw rows of the train and the validation split.
        task: The task.
        seed: Seed of the sample of a large train split.
        target: The folder; it must not exist yet.
        make: Makes them.

    Raises:
        StorageError: The folder cannot be written, or the disk is full.
    """
    root = Path(graph)
    kept = None
    if "://" not in graph and root.is_dir():
        key = content_key(root, patterns, _FORMAT, label, task, seed)
        kept = root / REFERENCES / key
    result = _read(kept) if kept else None
    with published_folder(target) as temporary:
        if kept and result:
            link_tree(kept / _MODEL, temporary)
            log.info("the simple models are those of an earlier training on the same rows")
            return result
        result = make(temporary)
    if kept:
        _keep(target, result, kept)
    return result


def _read(folder: Path) -> ReferencesResult | None:
    """Returns what to say about kept references, None if they are not there, not whole, or of another content."""
    if not folder.exists():
        return None
    try:
        about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
        if about["checksum"] != _checksum(folder.name, folder, about["result"]):
            raise ValueError("they are cut short, altered or of another content")
        return _RESULT.validate_python(about["result"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("kept references %s are thrown away and made anew: %s", folder.name[:8], error)
        _remove(folder)
        return None


def _checksum(key: str, folder: Path, result: object) -> str:
    digest = hashlib.sha256(f"{key} {json.dumps(result, sort_keys=True)}".encode())
    add_files(digest, folder / _MODEL, (folder / _MODEL).rglob("*"))
    return digest.hexdigest()


def _keep(model: Path, result: ReferencesResult, folder: Path) -> None:
    """Keeps references beside the graph; a disk that is full or closed costs time, not the training."""
    try:
        folder.parent.mkdir(exist_ok=True)
        with published_folder(folder) as temporary:
            link_tree(model, temporary / _MODEL)
            told = json.loads(_RESULT.dump_json(result))
            about = {"checksum": _checksum(folder.name, temporary, told), "result": told}
            (temporary / _ABOUT).write_text(json.dumps(about), encoding="utf-8")
        kept = sorted(folder.parent.glob("[0-9a-f]*"), key=lambda one: one.stat().st_mtime)
        for old in kept[:-MOST_FOLDERS]:
            _remove(old)
    except (StorageError, OSError) as error:
        if not folder.exists():  # no other training has kept the same meanwhile
            log.warning("references are not kept for the next training: %s", error)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
