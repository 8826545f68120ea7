"""The destination of spans: a folder on disk, or a prefix in a store that is filled from a working folder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from foundation.errors import StorageError
from foundation.publish import storage_error
from foundation.storage import Location, RemotePath
from pipeline.export.manifest import NAME, parse_manifest, read_manifest
from pipeline.export.settings import ExportSettings


def spans(settings: ExportSettings) -> set[int]:
    """Returns the numbers of the existing spans.

    Raises:
        StorageError: The folder or store cannot be read.
    """
    return {int(name) for name in _names(settings) if name.isdecimal()}


def _names(settings: ExportSettings) -> list[str]:
    if settings.remote is not None:
        from foundation import storage_remote

        found = storage_remote.list_objects(settings.remote, recursive=True)
        return [path.inner.removeprefix(f"{settings.remote.inner}/").split("/", 1)[0] for path in found]
    try:
        return [entry.name for entry in settings.folder.iterdir()] if settings.folder.exists() else []
    except OSError as error:
        raise storage_error(settings.folder, error) from error


def manifest_of(settings: ExportSettings, span: int) -> dict[str, Any]:
    """Returns a span's manifest, or nothing if it has none."""
    if settings.remote is None:
        folder = settings.folder / str(span)
        return read_manifest(folder) if (folder / NAME).exists() else {}
    path = settings.remote / str(span) / NAME
    return parse_manifest(path.read_bytes(), path) if path.is_file() else {}


def publish(settings: ExportSettings, partial: Path, span: int) -> Location:
    """Publishes a complete export under its name and removes the working files.

    On disk this is one rename. In a store, objects appear one by one, the manifest last.

    Raises:
        StorageError: The name is taken, or the folder or store cannot be written.
    """
    if settings.remote is not None:
        return _upload(settings.remote / str(span), partial)
    target = settings.folder / str(span)
    if target.exists():
        raise StorageError(f"{target}", expected="a span that does not exist yet", seen="it exists")
    try:
        for entry in partial.iterdir():
            if entry.name.startswith("."):
                entry.unlink()
            else:
                entry.chmod(0o666 & ~_umask())
        partial.chmod(0o777 & ~_umask())
        os.rename(partial, target)
    except OSError as error:
        raise storage_error(target, error) from error
    return target


def _upload(target: RemotePath, partial: Path) -> RemotePath:
    from foundation.storage_upload import upload

    files = [path for path in partial.iterdir() if not path.name.startswith(".")]
    for path in sorted(files, key=lambda each: (each.name == NAME, each.name)):
        upload(path, target / path.name)
    shutil.rmtree(partial)
    return target


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
