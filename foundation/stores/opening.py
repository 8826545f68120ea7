"""Opens the store that an address is in: add a kind of store here."""

from __future__ import annotations

import os
from functools import lru_cache
from importlib import import_module

from foundation.storage_remote import Address
from foundation.stores.base import Store

STORES = {"s3": "foundation.stores.s3:S3Store", "gs": "foundation.stores.gs:GoogleStore"}
"""Scheme of an address → ``module:Class`` of its store."""
_SETTINGS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_PROFILE", "STORAGE_EMULATOR_HOST")
"""Variables that say which store is meant; with others, another client is made."""


def open_store(place: Address) -> tuple[Store, str]:
    """Returns the bucket of an address and the key in it; clients are kept for each process.

    Raises:
        StorageError: The store's client is not installed, or finds no credentials.
    """
    bucket, _, key = place.inner.partition("/")
    settings = tuple(os.environ.get(name, "") for name in _SETTINGS)
    return _opened(os.getpid(), place.scheme, bucket, settings), key.rstrip("/")


@lru_cache(maxsize=16)
def _opened(process: int, scheme: str, bucket: str, settings: tuple[str, ...]) -> Store:
    module, _, name = STORES[scheme].partition(":")
    made: Store = getattr(import_module(module), name)(bucket)
    return made
