"""Temporaries with documents that killed processes left: found in every place where Penstock makes them, and removed."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from pathlib import Path

from components.mongo_example_gen import quarantine
from components.mongo_example_gen.spans import FOLDER
from foundation import temporaries
from foundation.errors import LockedError
from foundation.lock import locked
from foundation.publish import storage_error
from foundation.storage import is_remote
from pipeline.document.loader import LoadedSpec

_UNFINISHED_EXPORT = re.compile(r"\.\d+\.partial")
_EXPORT_WORK = ".penstock/export"
"""Where ``penstock export`` assembles a span for a store, by default."""


def found(loaded: LoadedSpec, root: Path) -> list[Path]:
    """Returns the temporaries that no living process uses, and abandoned exports past the quarantine's age."""
    kept = loaded.folder / loaded.spec.data.bad_documents.folder
    left = [path for place, name in _places(loaded, root) for path in temporaries.leftovers(place, name)]
    return [*left, *quarantine.earlier(kept), *abandoned_exports(loaded)]


def sweep(loaded: LoadedSpec, root: Path) -> None:
    """Removes the temporaries that no living process uses."""
    quarantine.sweep(loaded.folder / loaded.spec.data.bad_documents.folder)
    for place, name in _places(loaded, root):
        temporaries.sweep(place, name)


def remove(loaded: LoadedSpec, root: Path) -> int:
    """Removes everything that ``found`` returns, and expired quarantine files; returns how many of these.

    Raises:
        StorageError: Something cannot be removed.
    """
    bad = loaded.spec.data.bad_documents
    sweep(loaded, root)
    for folder in abandoned_exports(loaded):
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise storage_error(folder, error) from error
    return quarantine.expire(loaded.folder / bad.folder, bad.expire_days)


def _places(loaded: LoadedSpec, root: Path) -> list[tuple[Path, str | None]]:
    """Returns the folders with temporaries, each with the name they are made for; None where all there are ours."""
    spec = loaded.spec
    places: list[tuple[Path, str | None]] = [
        (loaded.folder / spec.data.bad_documents.folder, None),
        (root / "artifacts" / "MongoExampleGen" / FOLDER, None),
        (Path(tempfile.gettempdir()), temporaries.SPILLED_ROWS),
        (Path(tempfile.gettempdir()), temporaries.UPLOADED),
    ]
    if spec.infer and not is_remote(spec.infer.to):
        places.append((loaded.folder / spec.infer.to, None))
    return places


def abandoned_exports(loaded: LoadedSpec) -> list[Path]:
    """Returns unfinished spans of ``penstock export`` that nobody touched for as long as the quarantine keeps files.

    They lie where the document's pattern has ``{SPAN}``, or in the default working folder for exports to a store.
    """
    days = loaded.spec.data.bad_documents.expire_days
    if days is None:
        return []
    pattern = loaded.spec.data.mongo_export
    folders = list((loaded.folder / _EXPORT_WORK).glob("*"))
    if "{SPAN}" in pattern and not is_remote(pattern):
        folders.append(loaded.folder / pattern.split("{SPAN}")[0])
    oldest = time.time() - days * 86400
    return [
        entry
        for folder in folders
        for entry in sorted(folder.glob(".*.partial"))
        if _UNFINISHED_EXPORT.fullmatch(entry.name) and _newest(entry) < oldest and not _in_use(entry)
    ]


def _newest(folder: Path) -> float:
    return max(entry.stat().st_mtime for entry in (folder, *folder.iterdir()))


def _in_use(partial: Path) -> bool:
    try:
        with locked(partial / ".lock", lambda: LockedError(str(partial)), mode=0o600):
            return False
    except LockedError:
        return True
