"""From a unit to its keyed hash, and from the hash to a slot of the layer or to a point of an epoch."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

SLOTS: Final = 10_000
"""Slots of a layer: shares are steps of 0.01%."""

_SIZE: Final = 16
_POINTS: Final = 1 << 53


def layer_key(salt: str) -> bytes:
    """Returns the key of a layer's hash, 64 bytes, whatever the length of its salt."""
    return blake2b(salt.encode("utf-8", "surrogatepass"), person=b"penstock layer").digest()


def hashed(key: bytes, unit: str) -> bytes:
    """Returns a unit's hash, 16 bytes: keyed BLAKE2b.

    Args:
        key: The layer's, from ``layer_key``.
        unit: The unit as the caller gave it.
    """
    return blake2b(unit.encode("utf-8", "surrogatepass"), digest_size=_SIZE, key=key).digest()


def slot_of(unit: bytes) -> int:
    """Returns the slot of a hashed unit, from 0 to ``SLOTS`` - 1; the modulo's bias is below 1e-15."""
    return int.from_bytes(unit[:8], "big") % SLOTS


def point_of(unit: bytes, experiment: str, epoch: int) -> float:
    """Returns where a unit falls in an epoch of an experiment: uniform in [0, 1), independent of its slot.

    Args:
        unit: The unit's hash.
        experiment: The experiment's name.
        epoch: The epoch: each has a salt of its own.
    """
    text = f"{experiment}\0{epoch}".encode()
    drawn = blake2b(text, digest_size=8, key=unit).digest()
    return (int.from_bytes(drawn, "big") >> 11) / _POINTS
