"""Finds documents that the exporting tool set aside and that are therefore missing from the export.

Atlas' ``$out`` continues after errors by default and writes failed documents to ``atlas-data-lake-<id>/out-error-docs/`` at
the top of the bucket; other tools use other folders, mostly beside the data.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from foundation.errors import StorageError
from foundation.storage import Location, RemotePath

ATLAS = re.compile(r"atlas-data-lake-.+")
ATLAS_INNER = "out-error-docs"
KIN = re.compile(
    r"out-error-docs|error[-_]docs|bad[-_]?records|reject(s|ed)([-_].*)?|dead[-_]?letters?|dlq|errors?[-_]output",
    re.IGNORECASE,
)
LEVELS = 3
"""Number of folders searched: the export's own and those above it."""


def find_diverted(files: Iterable[Location]) -> dict[str, Any]:
    """Looks for folders of diverted documents beside an export and above it.

    Args:
        files: The files of the export.

    Returns:
        ``folders``: path and number of files of each folder found; ``not_looked_at``: folders that cannot be listed.
    """
    found: dict[str, int] = {}
    blocked: set[str] = set()
    for level, folder in _folders(files):
        try:
            for candidate in _candidates(folder, level):
                count = len(_list(candidate, folders=False))
                if count:
                    found[str(candidate)] = count
        except (OSError, StorageError):
            blocked.add(str(folder))
    return {
        "folders": [{"path": path, "files": count} for path, count in sorted(found.items())],
        "not_looked_at": sorted(blocked),
    }


def _folders(files: Iterable[Location]) -> list[tuple[int, Location]]:
    """Returns the folders to look into, each once, with how far above the files they are."""
    found: dict[Location, int] = {}
    for folder in dict.fromkeys(file.parent for file in files):
        for level in range(LEVELS):
            found[folder] = min(level, found.get(folder, level))
            if folder.parent == folder or (isinstance(folder, RemotePath) and "/" not in folder.inner):
                break
            folder = folder.parent
    return [(level, folder) for folder, level in found.items()]


def _candidates(folder: Location, level: int) -> list[Location]:
    inner = _list(folder, folders=True)
    atlas = [f for f in inner if ATLAS.fullmatch(f.name)]
    found = [deep for f in atlas for deep in _list(f, folders=True) if deep.name == ATLAS_INNER]
    # Other tools use common words as names: only folders beside the data or one level above count.
    return found + ([f for f in inner if KIN.fullmatch(f.name)] if level < 2 else [])


def _list(folder: Location, folders: bool) -> list[Location]:
    if isinstance(folder, RemotePath):
        from foundation import storage_remote

        if folders:
            return list(storage_remote.list_folders(folder))
        return list(storage_remote.list_objects(folder, recursive=False))
    with os.scandir(folder) as entries:
        return [Path(entry.path) for entry in entries if entry.is_dir() is folders]
