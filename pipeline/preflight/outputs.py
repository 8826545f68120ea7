"""Whether the places where a run puts its results can be written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from foundation.errors import DataError, StorageError
from foundation.storage import is_remote
from foundation.stores.mirror import address_of, in_store, placed
from pipeline.document.loader import LoadedSpec
from pipeline.preflight.remarks import Remark


def remarks(loaded: LoadedSpec, nodes: frozenset[str]) -> Iterator[Remark]:
    """Yields the folders that cannot be written by the nodes to be run."""
    spec = loaded.spec
    wanted: list[tuple[str, str]] = []
    if spec.push and "Pusher" in nodes:
        wanted.append(("push.to", spec.push.to))
    if spec.infer and "BulkInferrer" in nodes:
        wanted.append(("infer.to", spec.infer.to))
    if not spec.data.bigquery and "MongoExampleGen" in nodes:
        wanted.append(("data.bad_documents.folder", spec.data.bad_documents.folder))
    for key, folder in wanted:
        if not is_remote(folder) and (why := why_unwritable(loaded.folder / folder)):
            yield Remark(
                StorageError(
                    f"{_where(loaded, key)}: {folder}",
                    expected="a folder that can be written",
                    seen=why,
                    remedy="choose another folder, or give this user the right to write there",
                ),
                certain=True,
            )
        elif key == "push.to":
            yield from _ledger(placed(folder, loaded.folder))


def _where(loaded: LoadedSpec, key: str) -> str:
    at = loaded.position(*key.split("."))
    return f"{at}: {key}" if at.line else str(at)


def _ledger(folder: Path) -> Iterator[Remark]:
    """Yields what is wrong with the record of earlier pushes."""
    from components.pusher.versions import versions

    if folder.is_dir() or in_store(address_of(folder)):
        try:
            versions(folder)
        except (DataError, StorageError) as error:
            yield Remark(error, certain=True)


def why_unwritable(folder: Path) -> str:
    """Returns why files cannot be put into a folder, which may be missing yet; empty if they can."""
    place = folder.absolute()
    while not os.path.lexists(place):
        place = place.parent
    if not place.is_dir():
        return f"{place} is not a folder"
    try:
        return "" if os.access(place, os.W_OK | os.X_OK) else f"{place} may not be written"
    except OSError as error:
        return f"{place}: {error.strerror}"
