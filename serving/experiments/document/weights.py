"""Weights of arms as a person writes them: percent, fractions or whole numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, WithJsonSchema

_EXPECTED: Final = "expected a weight such as 90%, 0.9, 9/10 or 9"
_DECIMAL: Final = r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+"
_FORMS: Final = re.compile(
    rf"(?P<percent>{_DECIMAL})\s*%|(?P<over>[0-9]{{1,18}})\s*/\s*(?P<under>[0-9]{{1,18}})"
    rf"|(?P<whole>[0-9]{{1,18}})|(?P<decimal>{_DECIMAL}(?:[eE]-[0-9]{{1,2}})?)"
)
_ROUNDING: Final = Fraction(1, 1000)
"""How far percentages or fractions may be from 100% in all: three times 33.3% is meant as thirds."""


def weight_text(value: Any) -> Any:
    """Returns a weight as text; its form says how the weights of all arms are read.

    Raises:
        ValueError: It is no weight.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = repr(value)
    if not isinstance(value, str):
        raise ValueError(_EXPECTED)
    _read(value.strip())
    return value.strip()


Weight = Annotated[
    str,
    BeforeValidator(weight_text),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0},
                {"type": "string", "pattern": r"^\s*([0-9.]+(\s*%)?|[0-9]+\s*/\s*[0-9]+)\s*$"},
            ]
        }
    ),
]
"""A weight: percent, a fraction, or a whole number beside the whole numbers of the other arms."""


def _read(text: str) -> tuple[Fraction, str]:
    match = _FORMS.fullmatch(text)
    if match is None or (match["under"] and not int(match["under"])):
        raise ValueError(_EXPECTED)
    if match["percent"]:
        return Fraction(match["percent"]) / 100, "percent"
    if match["over"]:
        return Fraction(int(match["over"]), int(match["under"])), "a fraction"
    if match["whole"]:
        return Fraction(match["whole"]), "a whole number"
    return Fraction(match["decimal"]), "a fraction"


def shares(weights: Mapping[str, str | None]) -> dict[str, float]:
    """Returns each arm's share; the shares sum to 1.

    Args:
        weights: Arm → its weight as written; None in all of them means equal shares.

    Raises:
        ValueError: Forms are mixed, some are missing, or percentages and fractions do not sum to 100%.
    """
    if all(weight is None for weight in weights.values()):
        return {arm: 1 / len(weights) for arm in weights}
    missing = [arm for arm, weight in weights.items() if weight is None]
    if missing:
        raise ValueError(f"no weight for {', '.join(missing)}; give every arm a weight, or none")
    read = {arm: _read(weight) for arm, weight in weights.items() if weight is not None}
    values = {arm: value for arm, (value, _) in read.items()}
    # Nothing and everything are the same in each form but percent: 0 beside 20% is not ambiguous.
    forms = sorted({form for value, form in read.values() if value})
    total = sum(values.values())
    if not total:
        raise ValueError("all weights are 0; give at least one arm a weight")
    if len(forms) > 1 and not (total == 1 and "a whole number" not in forms):
        raise ValueError(f"weights of different forms ({' and '.join(forms)}); write all in the same form")
    if forms != ["a whole number"] and abs(total - 1) > _ROUNDING:
        raise ValueError(f"the weights sum to {float(total):.6g}, expected 1 (100%)")
    return {arm: float(value / total) for arm, value in values.items()}
