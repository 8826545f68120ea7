"""Floating-point numbers as TF Serving writes them in JSON.

The rule: six significant digits (``%g``) if they parse back to the same value, otherwise all digits that the type may
need (9 for float, 17 for double); text without a point or exponent gets ``.0``; ``NaN``, ``Infinity`` and ``-Infinity``
are bare words.

No number is parsed back here. Six digits suffice exactly when the shortest text that parses back has at most six, and
then they are that text, because two six-digit numbers are further apart than the range that rounds to one float.
(Subnormal floats are too sparse for this; they are tried one by one.) orjson is fastest for the shortest texts, and
Python's ``%`` for all digits of many numbers at once.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache
from typing import Final

import numpy as np
import orjson

_WORDS: Final = {"nan": "NaN", "-nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
_DIGITS: Final = {"f": 9, "d": 17}
_PLAIN_FROM: Final = 1e-4
"""In this range ``%g`` and orjson both write plain digits with a point."""
_PLAIN_BELOW: Final = 999999.0
_SMALLEST_NORMAL: Final = {"f": 2.0**-126, "d": 2.0**-1022}
_CHUNK: Final = 2048
"""How many numbers are written at once; more would hold Python's lock for milliseconds."""


def float_text(value: float) -> str:
    """Returns the text of one double."""
    return float_texts(np.array([value], np.float64))[0]


def float_texts(values: np.ndarray) -> list[str]:
    """Returns the texts of a flat, contiguous array of float32 or float64."""
    if 0 < values.size <= _CHUNK:
        return _chunk(values)
    texts: list[str] = []
    for start in range(0, values.size, _CHUNK):
        texts += _chunk(values[start : start + _CHUNK])
    return texts


def _chunk(values: np.ndarray) -> list[str]:
    shortest = orjson.dumps(values, option=orjson.OPT_SERIALIZE_NUMPY)
    numbers: list[float] = values.tolist()
    code = values.dtype.char
    texts = (_template(len(numbers), _DIGITS[code]) % tuple(numbers)).split()
    shorts = shortest[1:-1].split(b",")
    odd = b"e" in shortest or b"null" in shortest
    for index, short in enumerate(shorts) if odd else _of_six_digits(shorts):
        if odd and not _has_six_digits(short):
            continue
        number = numbers[index]
        size = abs(number)
        if _PLAIN_FROM <= size < _PLAIN_BELOW:
            texts[index] = short.decode("ascii")
        elif _SMALLEST_NORMAL[code] <= size < math.inf:
            texts[index] = f"{number:.6g}"
        else:
            texts[index] = _one(number, code)
    if not odd and b".0," not in shortest and not shortest.endswith(b".0]"):
        return texts
    return [text if "." in text or "e" in text or "n" in text.lower() else text + ".0" for text in texts]


def _of_six_digits(shorts: list[bytes]) -> list[tuple[int, bytes]]:
    """Returns which plain numbers have at most six digits, ignoring a point and outer zeros."""
    return [
        (index, short)
        for index, short in enumerate(shorts)
        if len(digits := short.strip(b"-0.")) < 7 or (len(digits) == 7 and b"." in digits)
    ]


def _has_six_digits(short: bytes) -> bool:
    """Returns whether a number has at most six digits, with or without an exponent."""
    digits = short.partition(b"e")[0].strip(b"-0.")
    return len(digits) < 7 or (len(digits) == 7 and b"." in digits)


@lru_cache(maxsize=256)
def _template(count: int, digits: int) -> str:
    return f"%.{digits}g " * count


def _one(number: float, code: str) -> str:
    """Returns the text of a zero, subnormal or non-finite number."""
    text = f"{number:.6g}"
    if text in _WORDS:
        return _WORDS[text]
    if number and not _same(text, number, code):
        text = f"{number:.{_DIGITS[code]}g}"
    return text if "." in text or "e" in text else text + ".0"


def _same(text: str, number: float, code: str) -> bool:
    """Returns whether a text parses as this number."""
    if code == "d":
        return float(text) == number
    # Parsing via a double would round twice; in units of the smallest float everything is exact.
    return round(Fraction(text) * 2**149) == Fraction(number) * 2**149
