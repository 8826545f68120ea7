"""Reads Kubernetes quantities, to compare them and to write them for docker compose.

The grammar is that of ``k8s.io/apimachinery/pkg/api/resource``: a number with a binary suffix (``2Gi``), a decimal
suffix (``500m``) or an exponent (``1e3``). Signs are left out: no resource is negative.
"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal
from typing import Final

PATTERN: Final = r"^([0-9]+\.?[0-9]*|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,2})?$"
"""What a quantity looks like; two digits of exponent reach beyond any resource."""

_PARTS: Final = re.compile(PATTERN)
_DECIMAL: Final = {
    name: Decimal(10) ** (3 * power) for power, name in enumerate("numxkMGTPE", -3) if name != "x"
}
_BINARY: Final = {f"{name}i": Decimal(1024) ** power for power, name in enumerate("KMGTPE", 1)}
_UNITS: Final = {**_DECIMAL, **_BINARY}


def amount(quantity: str) -> Decimal:
    """Returns a quantity as a number: cores or bytes.

    Args:
        quantity: Text that matches ``PATTERN``.

    Raises:
        ValueError: The text is no quantity.
    """
    parts = _PARTS.match(quantity)
    if parts is None:
        raise ValueError(f"{quantity!r} is no quantity")
    number, suffix = parts[1], parts[2] or ""
    if suffix in _UNITS:
        return Decimal(number) * _UNITS[suffix]
    return Decimal(number + suffix)


def cores(quantity: str) -> str:
    """Returns ``500m`` as ``0.5``; rounds up to a thousandth, as Kubernetes does."""
    rounded = amount(quantity).quantize(Decimal("0.001"), rounding=ROUND_CEILING)
    return f"{rounded:f}".rstrip("0").rstrip(".")


def memory_bytes(quantity: str) -> int:
    """Returns ``2Gi`` as bytes; rounds up, as Kubernetes does."""
    return int(amount(quantity).to_integral_value(rounding=ROUND_CEILING))
