"""What an executor needs of a root in a store: its inputs brought to this machine, its outputs sent before they count.

An executor knows files alone. So a node whose root is in a store works in the mirror of that root: its inputs' addresses
become local paths before it begins; when it has ended, its outputs are sent and their paths become addresses again, and
only then does ML Metadata call it complete. Where the root is a folder, nothing happens.

Workers of Beam elsewhere do not see this machine's disk. Either inputs and outputs keep their addresses for them: nothing is
brought or sent. Or the executor works here as ever, and exchanges files with its workers through the store. Before that, what
an earlier attempt left is removed from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from foundation.storage_remote import Address
from foundation.stores.brought import fetched
from foundation.stores.kept import trim
from foundation.stores.mirror import address_of, in_store
from foundation.stores.opening import open_store
from foundation.stores.transfer import sent


def bring(inputs: Mapping[str, Sequence[Any]]) -> None:
    """Brings input artifacts down, and gives them their local paths.

    Args:
        inputs: Input key → TFX's artifacts.

    Raises:
        StorageError: One is gone, the store does not answer, or the disk is full.
    """
    for artifact in _all(inputs):
        artifact.uri = str(fetched(artifact.uri))


def send(outputs: Mapping[str, Sequence[Any]], told: Any) -> None:
    """Sends output artifacts, and gives them their addresses.

    Args:
        outputs: Output key → TFX's artifacts, as the launcher made them.
        told: The ``ExecutorOutput``, whose artifacts have what the executor said of them.

    Raises:
        StorageError: The store does not answer, refuses, or does not hold what was sent.
    """
    staged = [artifact for artifact in _all(outputs) if in_store(address_of(artifact.uri))]
    if not staged:
        return
    for artifact in staged:
        sent(address_of(artifact.uri))
    for artifact in staged:
        artifact.uri = address_of(artifact.uri)
    for artifacts in told.output_artifacts.values() if told else ():
        for artifact in artifacts.artifacts:
            artifact.uri = address_of(artifact.uri)
            for value in artifact.custom_properties.values():
                if value.WhichOneof("value") == "string_value":
                    value.string_value = address_of(value.string_value)
    trim()


def hand_over(outputs: Mapping[str, Sequence[Any]]) -> None:
    """Gives output artifacts their addresses, for workers that write into the store themselves.

    Args:
        outputs: Output key → TFX's artifacts, as the launcher made them.

    Raises:
        StorageError: What an earlier attempt left cannot be removed.
    """
    for artifact in _all(outputs):
        artifact.uri = address_of(artifact.uri)
        _emptied(artifact.uri)


@contextmanager
def exchanged(outputs: Mapping[str, Sequence[Any]]) -> Iterator[str]:
    """Yields an address for files that an executor here and its workers elsewhere exchange; it is empty, and again afterwards.

    It is beneath an output's address, so that whatever removes what a killed attempt left of that removes these files, too.

    Args:
        outputs: Output key → TFX's artifacts, as the launcher made them.

    Raises:
        StorageError: The store does not answer, or refuses.
    """
    addresses = [address_of(artifact.uri) for artifact in _all(outputs)]
    for address in addresses:
        _emptied(address)
    place = f"{addresses[0]}/.exchange-{uuid4().hex[:12]}"
    try:
        yield place
    finally:
        _emptied(place)


def _emptied(address: str) -> None:
    store, key = open_store(Address(address))
    store.delete([entry.key for entry in store.list(f"{key}/")])


def _all(artifacts: Mapping[str, Sequence[Any]]) -> Iterator[Any]:
    for some in artifacts.values():
        yield from some
