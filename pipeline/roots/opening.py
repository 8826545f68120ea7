"""Opens the pipeline root that an address names: add a kind of root here."""

from __future__ import annotations

from pathlib import Path

from foundation.publish import require_folder
from foundation.storage import RemotePath, locate
from pipeline.roots.base import Root
from pipeline.roots.local import LocalRoot


def open_root(uri: str, base: Path | None = None) -> Root:
    """Opens a pipeline root; nothing is asked or made before its first use.

    Args:
        uri: A path, ``s3://bucket/prefix`` or ``gs://bucket/prefix``.
        base: Folder that a relative path starts from; by default, the working directory.

    Raises:
        StorageError: The address is of another scheme, has no bucket or holds credentials; or the store's client is not
            installed, or finds no credentials; or the path is a file.
    """
    place = locate(uri, base)
    if isinstance(place, RemotePath):
        from pipeline.roots.objects import ObjectRoot

        return ObjectRoot(place)
    require_folder(place, "pipeline root", "name a folder, or a new one, with root", may_be_new=True)
    return LocalRoot(place.absolute())
