"""Converts Kubernetes quantities for docker compose."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

_UNITS: Final = {
    "": 1,
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}


def cores(quantity: str) -> str:
    """Returns ``500m`` as ``0.5``."""
    if quantity.endswith("m"):
        return f"{Decimal(quantity[:-1]) / 1000:f}"
    return quantity


def memory_bytes(quantity: str) -> int:
    """Returns ``2Gi`` as bytes."""
    number = quantity.rstrip("kKMGTi")
    return int(Decimal(number) * _UNITS[quantity[len(number) :]])
