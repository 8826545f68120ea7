"""Files of an artifact, wherever it is: of a path at once, of an address after they were brought into its mirror.

Light: what brings them is loaded when there is an address.
"""

from __future__ import annotations

from pathlib import Path

from foundation.stores.mirror import in_store


def fetched(uri: str) -> Path:
    """Returns the local folder of an artifact: a path as it is; of an address, its mirror, with all that is there now.

    Raises:
        StorageError: There is nothing at the address, the store does not answer, or the disk is full.
    """
    if not in_store(uri):
        return Path(uri)
    from foundation.stores.transfer import fetch

    return fetch(uri)


def looked_at(uri: str) -> Path:
    """Returns the local folder of an artifact with at least its result files: JSON, right in it.

    Raises:
        StorageError: The store does not answer, or the disk is full.
    """
    if not in_store(uri):
        return Path(uri)
    from foundation.stores.transfer import look

    return look(uri)


def exists(uri: str) -> bool:
    """Returns whether there is anything at a path or address.

    Raises:
        StorageError: The store does not answer.
    """
    if not in_store(uri):
        return Path(uri).exists()
    from foundation.stores.transfer import found

    return found(uri)
