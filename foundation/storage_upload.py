"""Writing files to S3, Google Cloud Storage or a folder: each appears whole or not at all, and is checked afterwards."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from foundation import storage_remote, temporaries
from foundation.errors import StorageError
from foundation.publish import published_file, storage_error
from foundation.storage import Location, RemotePath

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


@contextlib.contextmanager
def published(target: Location) -> Iterator[Path]:
    """Yields a temporary path to write to, and publishes it whole when the block succeeds.

    On disk this is one rename; in a store the finished file is copied there as one object, which appears whole or not
    at all.

    Args:
        target: Where the finished file goes.

    Yields:
        The temporary path.

    Raises:
        StorageError: The folder or store cannot be written, or a disk is full.
    """
    if not isinstance(target, RemotePath):
        with published_file(target) as temporary:
            yield temporary
        return
    place = Path(tempfile.gettempdir())
    temporaries.sweep(place, temporaries.UPLOADED)
    with temporaries.private_folder(place, temporaries.UPLOADED) as folder:
        local = folder / target.name
        yield local
        upload(local, target)
