"""Floating point numbers as TF Serving writes them into JSON.

The rule: six significant digits (`%g`) if they read back as the same value, else all digits that the type
may need (9 for float, 17 for double); a text without point and exponent gets `.0`; `NaN`, `Infinity` and
`-Infinity` are bare words. Python's `%` does the digits in C for many values at once.
"""

from __future__ import annotations

import math
from array import array
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

_WORDS: Final = {"nan": "NaN", "-nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def float_text(value: float) -> str:
    """One double: what error messages and single values need."""
    return double_texts(np.array([value], np.float64))[0]


def float_texts(values: np.ndarray) -> list[str]:
    """The texts of a flat array of float32."""
    numbers: list[float] = values.tolist()
    texts = ("%.6g " * len(numbers) % tuple(numbers)).split()
    back = array("f", map(float, texts))
    if back.tobytes() != values.tobytes():
        for index in np.flatnonzero(np.frombuffer(back, np.float32) != values).tolist():
            texts[index] = f"{numbers[index]:.9g}"
    return _finished(texts, numbers)


def double_texts(values: np.ndarray) -> list[str]:
    """The texts of a flat array of float64."""
    numbers: list[float] = values.tolist()
    texts = ("%.6g " * len(numbers) % tuple(numbers)).split()
    for index, (text, number) in enumerate(zip(texts, numbers, strict=True)):
        if float(text) != number:
            texts[index] = f"{number:.17g}"
    return _finished(texts, numbers)


def _finished(texts: list[str], numbers: Sequence[float]) -> list[str]:
    """Writes out what is not finite and marks whole numbers as floating point."""
    if all(map(math.isfinite, numbers)):
        if any(map(float.is_integer, numbers)):
            return [text if "." in text or "e" in text else text + ".0" for text in texts]
        return texts
    return [_WORDS.get(text) or (text if "." in text or "e" in text else text + ".0") for text in texts]
