"""Own code and reviewed schema of a bundle as files: extracted once for each digest, into a cache that processes share."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path

from foundation.lock import locked
from foundation.publish import published_folder, storage_error
from foundation.stores.mirror import cache_folder
from pipeline.bundle.reading import Bundle


def extracted(bundle: Bundle) -> Path:
    """Returns the folder that stands for the document's: own code and reviewed schema are where it names them.

    Args:
        bundle: The bundle.

    Raises:
        StorageError: The cache cannot be written.
    """
    digest = bundle.sidecar.files[bundle.archive.name]
    place = cache_folder() / "bundles" / digest[:32]
    if not _is_whole(place, bundle.sidecar.packaged):
        _extract(bundle, place)
    folder = place / bundle.sidecar.folder
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def unpack(archive: Path, folder: Path) -> None:
    """Writes the files of an archive below a folder."""
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder)


def _extract(bundle: Bundle, place: Path) -> None:
    """Extracts a bundle's archive, unless another process has done so while this one waited."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with locked(place.parent / f"{place.name}.lock"):
            if _is_whole(place, bundle.sidecar.packaged):
                return
            if place.exists():  # a file in it was changed or is gone
                shutil.rmtree(place)
            with published_folder(place) as temporary:
                unpack(bundle.archive, temporary)
    except OSError as error:
        raise storage_error(place, error) from error


def _is_whole(place: Path, packaged: Mapping[str, str]) -> bool:
    """Returns whether every file is there as it was packed."""
    if not place.is_dir():
        return False
    try:
        return all(
            hashlib.sha256((place / path).read_bytes()).hexdigest() == digest
            for path, digest in packaged.items()
        )
    except OSError:
        return False
