"""Dealing documents to splits by a hash of a key: the same on every machine, process, path, order and run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np


def split_codes(keys: Iterable[str], shares: tuple[int, ...]) -> np.ndarray:
    """Returns the number of the split of each key, int8 [keys].

    The first eight bytes of the SHA-256 of the key's text, big-endian, modulo the sum of the shares.

    Args:
        keys: Text of each document's key.
        shares: Share of each split, such as (7, 1, 2).
    """
    sha256 = hashlib.sha256
    digests = b"".join([sha256(key.encode("utf-8", "surrogatepass")).digest()[:8] for key in keys])
    buckets = np.frombuffer(digests, dtype=">u8") % np.uint64(sum(shares))
    return np.searchsorted(np.cumsum(shares), buckets, side="right").astype(np.int8)
