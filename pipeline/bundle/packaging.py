"""Packs the person's own code and the reviewed schema into an archive that is the same, byte for byte, from the same files.

Packed is what counts for the fingerprints: the files that the document names as code, what they import beside them, and the
files that their constant texts name; nothing else of the project. Files outside it stay where they are, and a note says so.
"""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from foundation.own_code.closure import OwnCode
from foundation.publish import storage_error
from pipeline.bundle.secrets import refuse_secret

CODE = "code.zip"
"""The archive's name in a bundle."""
_TIME = (1980, 1, 1, 0, 0, 0)
_PLAIN_FILE = 0o100644 << 16


@dataclass(frozen=True)
class Package:
    """Own code and reviewed schema, packed.

    Attributes:
        archive: The bytes of the archive.
        files: Path in it → SHA-256.
        folder: The document's folder in it; ``.`` is its top.
        notes: What the code uses and the archive does not hold, one sentence each.
    """

    archive: bytes
    files: dict[str, str]
    folder: str
    notes: tuple[str, ...]


def pack(folder: Path, named: Iterable[Path], code: Iterable[OwnCode]) -> Package:
    """Packs what a document's nodes need of its project.

    Args:
        folder: Folder of the document.
        named: The files that the document names: reviewed schema and own code.
        code: All that this own code uses.

    Raises:
        UserCodeError: A file is a secret.
        StorageError: A file cannot be read.
    """
    folder = folder.resolve()
    files = [file.resolve() for file in named]
    top = _top(folder, files)
    used = {*files, *(file.resolve() for own in code for file in own.files)}
    inside = sorted(file for file in used if file.is_relative_to(top))
    start = Path(os.path.commonpath([folder, *(file.parent for file in inside)]))
    contents: dict[str, bytes] = {}
    for file in inside:
        path = file.relative_to(start).as_posix()
        contents[path] = _content(file)
        refuse_secret(path, contents[path])
    notes = [
        f"own code uses {file}, which is outside the project and not in the bundle: it must be there where nodes run"
        for file in sorted(used - set(inside))
    ]
    return Package(
        _archive(contents),
        {path: hashlib.sha256(content).hexdigest() for path, content in contents.items()},
        folder.relative_to(start).as_posix(),
        tuple(notes),
    )


def _top(folder: Path, named: list[Path]) -> Path:
    """Returns the folder that all of a project is below: its repository, else what its document and schema share."""
    repository = next((place for place in (folder, *folder.parents) if (place / ".git").exists()), None)
    shared = Path(os.path.commonpath([folder, *(file.parent for file in named)]))
    return repository if repository and shared.is_relative_to(repository) else shared


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise storage_error(file, error) from error


def _archive(contents: dict[str, bytes]) -> bytes:
    """Returns a zip file with fixed times, rights and order, stored as it is: compression differs between versions of zlib."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(contents):
            entry = zipfile.ZipInfo(path, _TIME)
            entry.create_system = 3
            entry.external_attr = _PLAIN_FILE
            archive.writestr(entry, contents[path])
    return made.getvalue()
