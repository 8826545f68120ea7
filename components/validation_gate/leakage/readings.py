"""What a feature can mean: its number, its values, their beginnings, lengths, words, its presence, its date."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from components.validation_gate.leakage.moments import milliseconds
from components.validation_gate.leakage.rates import item_rates, value_rates, word_rates
from components.validation_gate.leakage.target import Target

LONGEST = 2_000
"""Characters of a text whose words are read."""
MOST_WORDS = 200
_WORD = re.compile(r"\w+")
_DIGITS = re.compile(r"\d+")
_HEAD = re.compile(r"[^\W_]*")
_LETTERS = re.compile(r"[^\W\d_]*")
_NUMBER_SHARE = 0.9
_DAY = 86_400_000


@dataclass(frozen=True)
class Reading:
    """One meaning of a feature.

    Attributes:
        name: Such as "its values".
        values: [n] numbers, NaN where the feature has none.
        ordered: Whether the numbers are the feature's own, so that their order means something.
    """

    name: str
    values: np.ndarray
    ordered: bool = False


def readings(column: list[Any], target: Target, moments: np.ndarray | None) -> list[Reading]:
    """Returns what a feature can mean, without meanings that are the same for all rows.

    Args:
        column: [n] lists of values of the examined rows, None where missing.
        target: The labels, for the rates of values and words.
        moments: [n] moments of the prediction in milliseconds, or None.
    """
    found = [Reading("its presence", np.array([float(bool(values)) for values in column]), True)]
    there = [values for values in column if values]
    if there:
        if any(len(values) > 1 for values in there):
            counts = np.array([float(len(values)) if values else np.nan for values in column])
            found.append(Reading("its number of items", counts, True))
            found += _arrays(column, there, target)
        elif isinstance(there[0][0], str):
            found += _texts([values[0] if values else None for values in column], target)
        else:
            found += _numbers(_floats(column, lambda values: values[0]), target)
        found += _dates(column, moments)
    return [reading for reading in found if _varies(reading.values)]


def _varies(values: np.ndarray) -> bool:
    known = values[~np.isnan(values)]
    return len(known) > 0 and (len(known) < len(values) or np.ptp(known) > 0)


def _floats(column: list[Any], pick: Callable[[Any], Any]) -> np.ndarray:
    return np.array([float(pick(values)) if values else np.nan for values in column])


def _arrays(column: list[Any], there: list[Any], target: Target) -> Iterator[Reading]:
    if isinstance(there[0][0], str):
        for rates in item_rates([values or () for values in column], target):
            yield Reading("its values", rates)
        return
    ways: dict[str, Callable[[Any], Any]] = {
        "its first number": lambda values: values[0],
        "its last number": lambda values: values[-1],
        "its smallest number": min,
        "its largest number": max,
        "the sum of its numbers": sum,
        "the mean of its numbers": lambda values: sum(values) / len(values),
        "the spread of its numbers": lambda values: float(np.std(values)),
    }
    for name, way in ways.items():
        yield Reading(name, _floats(column, way), True)
    for rates in item_rates([values or () for values in column], target):
        yield Reading("its values", rates)


def _numbers(numbers: np.ndarray, target: Target) -> Iterator[Reading]:
    yield Reading("its size", numbers, True)
    known = numbers[~np.isnan(numbers)]
    if 2 * len(np.unique(known)) <= len(known):
        for rates in value_rates(_codes(numbers.tolist()), target):
            yield Reading("its values", rates)
    if np.all(np.abs(known) < 2**53) and np.all(known == np.floor(known)):
        for name, last in (("its last digit", 10), ("its last two digits", 100)):
            for rates in value_rates(_codes((numbers % last).tolist()), target):
                yield Reading(name, rates)


def _texts(texts: list[str | None], target: Target) -> Iterator[Reading]:
    ways: dict[str, Callable[[str], str]] = {
        "its values": lambda text: text,
        "its first character": lambda text: text[:1],
        "its first 2 characters": lambda text: text[:2],
        "its first 3 characters": lambda text: text[:3],
        "its first part": lambda text: _HEAD.match(text)[0],  # type: ignore[index]
        "its first letters": lambda text: _LETTERS.match(text)[0],  # type: ignore[index]
        "its form without digits": lambda text: _DIGITS.sub("#", text[:100]),
        "its last character": lambda text: text[-1:],
        "its last 2 characters": lambda text: text[-2:],
        "its last 3 characters": lambda text: text[-3:],
    }
    seen: set[bytes] = set()
    for name, way in ways.items():
        codes = _codes([None if text is None else way(text) for text in texts])
        # Two ways that part the rows alike are one.
        if codes.tobytes() not in seen:
            seen.add(codes.tobytes())
            for rates in value_rates(codes, target):
                yield Reading(name, rates)
    yield Reading(
        "its length", np.array([np.nan if text is None else float(len(text)) for text in texts]), True
    )
    words = [[] if text is None else _WORD.findall(text[:LONGEST].lower())[:MOST_WORDS] for text in texts]
    if sum(len(each) > 1 for each in words) > len(words) // 2:
        yield Reading("its number of words", np.array([float(len(each)) for each in words]), True)
        for rates in word_rates(words, target):
            yield Reading("its words", rates)
    yield from _written_numbers(texts)


def _written_numbers(texts: list[str | None]) -> Iterator[Reading]:
    numbers = np.full(len(texts), np.nan)
    for place, text in enumerate(texts):
        if text is not None:
            try:
                numbers[place] = float(text)
            except ValueError:
                continue
    numbers[~np.isfinite(numbers)] = np.nan
    there = sum(text is not None for text in texts)
    if np.sum(~np.isnan(numbers)) >= _NUMBER_SHARE * there:
        yield Reading("the number that it writes", numbers, True)


def _dates(column: list[Any], moments: np.ndarray | None) -> Iterator[Reading]:
    read = milliseconds(column, moments)
    if read is not None:
        yield Reading("its date", read, True)
    else:
        first = next((values[0] for values in column if values), None)
        if not isinstance(first, (int, float)) or moments is None:
            return
        read = _floats(column, lambda values: values[0])
        if not np.nanmedian(np.abs(read - moments)) < 20 * 365 * _DAY:
            return
    if moments is not None:
        yield Reading("its distance to the moment of the prediction", read - moments, True)


def _codes(values: list[Any]) -> np.ndarray:
    """Returns [n] numbers of the distinct values, -1 for None and NaN."""
    import pandas as pd

    codes: np.ndarray = pd.factorize(pd.Series(values, dtype=object).to_numpy())[0]
    return codes
