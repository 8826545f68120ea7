"""Assigns documents to splits by a hash of a key, the same on every machine, process, path, order and run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np


def split_codes(keys: Iterable[str], shares: tuple[int, ...]) -> np.ndarray:
    """Returns the number of the split of each key, int8 [keys].

    It follows from the first eight bytes of the SHA-256 of the key's text, big-endian, modulo the sum of the shares.

    Args:
        keys: Text of each document's key.
        shares: Share of each split, such as (7, 1, 2).
    """
    return codes_of(key_hashes(keys), shares)


def key_hashes(keys: Iterable[str]) -> np.ndarray:
    """Returns the first eight bytes of the SHA-256 of each key's text as a number, uint64 [keys]."""
    sha256 = hashlib.sha256
    digests = b"".join([sha256(key.encode("utf-8", "surrogatepass")).digest()[:8] for key in keys])
    return np.frombuffer(digests, dtype=">u8").astype(np.uint64)


def codes_of(hashes: np.ndarray, shares: tuple[int, ...]) -> np.ndarray:
    """Returns the number of the split for each hash of a key, int8 [keys]."""
    buckets = hashes % np.uint64(sum(shares))
    return np.searchsorted(np.cumsum(shares), buckets, side="right").astype(np.int8)


def time_codes(moments: np.ndarray, known: np.ndarray, bounds: tuple[int, int]) -> np.ndarray:
    """Returns the number of the split for each date: train before the first bound, test from the second; int8 [rows].

    Args:
        moments: Epoch milliseconds, int64 [rows]; any value if there is none.
        known: Whether the row has a date, bool [rows]; the others get -2.
        bounds: ``train_before`` and ``test_from`` in epoch milliseconds.
    """
    codes: np.ndarray = np.searchsorted(np.array(bounds), moments, side="right").astype(np.int8)
    codes[~known] = -2
    return codes
