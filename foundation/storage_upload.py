"""Writing objects to S3 and Google Cloud Storage: whole local files, checked afterwards."""

from __future__ import annotations

import shutil
from pathlib import Path

from foundation import storage_remote
from foundation.errors import StorageError
from foundation.publish import storage_error
from foundation.storage import RemotePath

_CHUNK_BYTES = 8 * 2**20


def upload(local: Path, target: RemotePath) -> None:
    """Copies a file into a store; an object appears whole or not at all.

    Raises:
        StorageError: The file cannot be read, the store refuses it, or has another size afterwards.
    """
    try:
        size = local.stat().st_size
    except OSError as error:
        raise storage_error(local, error) from error

    def send() -> None:  # without 'compression', Arrow would pack a .gz a second time
        files = storage_remote.filesystem(target)
        with local.open("rb") as source, files.open_output_stream(target.inner, compression=None) as sink:
            shutil.copyfileobj(source, sink, _CHUNK_BYTES)

    storage_remote.patiently(send, target)
    seen = storage_remote.stat(target).st_size
    if seen != size:
        raise StorageError(
            f"{target}", expected=f"{size} bytes", seen=f"{seen}", remedy="run the same command again"
        )
