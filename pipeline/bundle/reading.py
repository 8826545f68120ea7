"""Opens a bundle: every file is checked against its digest, nothing heavy is loaded."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from foundation.errors import DataError
from foundation.publish import storage_error
from pipeline.bundle.packaging import CODE
from pipeline.bundle.sidecar import Sidecar
from pipeline.bundle.template import Template
from pipeline.document.models import PipelineSpec

PIPELINE = "pipeline.json"
"""The compiled pipeline with placeholders."""
DOCUMENT = "document.json"
"""The document as it was merged of all its files, without defaults."""


@dataclass(frozen=True)
class Bundle:
    """A compiled document, ready to be deployed.

    Attributes:
        folder: Where it is.
        sidecar: What it says of itself.
    """

    folder: Path
    sidecar: Sidecar

    @cached_property
    def document(self) -> PipelineSpec:
        """The document that was compiled."""
        return PipelineSpec.model_validate(json.loads(self._text(DOCUMENT)))

    @cached_property
    def template(self) -> Template:
        """The compiled pipeline with placeholders."""
        template: Template = json.loads(self._text(PIPELINE))
        return template

    @property
    def archive(self) -> Path:
        """Path of the archive with own code and reviewed schema."""
        return self.folder / CODE

    def beside(self, digest: str) -> Path:
        """Returns where another bundle of this pipeline is that was deployed to the same folder.

        Args:
            digest: That bundle's.
        """
        return self.folder.absolute().parent / folder_name(self.sidecar.name, digest)

    def _text(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")


def folder_name(pipeline: str, digest: str) -> str:
    """Returns the name of a bundle's folder."""
    return f"{pipeline}-{digest[:12]}"


def open_bundle(path: Path) -> Bundle:
    """Opens a bundle.

    Args:
        path: Its folder, or ``pipeline.json`` in it.

    Raises:
        DataError: There is none, a file of it is missing or another than was compiled, or a newer Penstock made it.
        StorageError: It cannot be read.
    """
    folder = path.parent if path.name in (PIPELINE, Sidecar.FILE) else path
    sidecar = Sidecar.find(folder)
    if sidecar is None:
        raise DataError(
            f"bundle {folder}",
            expected=f"a folder with {Sidecar.FILE}, as 'penstock compile' makes it",
            seen="another folder" if folder.is_dir() else "no such folder",
            remedy="name the folder that 'penstock compile' printed",
        )
    if digest_of((folder / Sidecar.FILE).read_text(encoding="utf-8")) != sidecar.digest:
        raise _altered(folder / Sidecar.FILE, sidecar.digest)
    for name, digest in sidecar.files.items():
        if _digest(folder / name) != digest:
            raise _altered(folder / name, digest)
    return Bundle(folder, sidecar)


def digest_of(text: str) -> str:
    """Returns the digest of a bundle: over its sidecar, which holds that of every other file.

    Args:
        text: The text of the sidecar, with or without the digest itself.
    """
    content = {key: value for key, value in json.loads(text).items() if key != "digest"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _digest(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except FileNotFoundError:
        return "no such file"
    except OSError as error:
        raise storage_error(file, error) from error


def _altered(file: Path, digest: str) -> DataError:
    return DataError(
        f"file {file.name} of the bundle {file.parent}",
        expected=f"the one that was compiled, SHA-256 {digest[:12]}…",
        seen="another" if file.exists() else "no such file",
        remedy="copy the whole folder again, or compile again with 'penstock compile'",
    )
