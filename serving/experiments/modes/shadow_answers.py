"""How two answers to one request differ: numbers, classes, texts, shape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from serving.experiments.payload.rows import Rows

_CLASSES, _SCORES = "classes", "scores"


@dataclass
class Difference:
    """What differs between two answers, or between many of them, summed up.

    Attributes:
        numbers: Numbers that both answers have in the same place.
        differing: Those that differ by more than the tolerance, NaN beside a number among them.
        total: Sum of the absolute differences, where both are finite.
        largest: The largest of them.
        ranked: Rows of scores or probabilities of several classes.
        classes: Those of which another class is first.
        texts: Texts that both have.
        other_texts: Those that differ.
        shapes: Outputs that only one has, or that have another shape.
    """

    numbers: int = 0
    differing: int = 0
    total: float = 0.0
    largest: float = 0.0
    ranked: int = 0
    classes: int = 0
    texts: int = 0
    other_texts: int = 0
    shapes: int = 0

    @property
    def none(self) -> bool:
        """Whether nothing differs."""
        return not (self.differing or self.classes or self.other_texts or self.shapes)


def difference(one: Rows, other: Rows, tolerance: float) -> Difference:
    """Returns how a copy's answer differs from the original's.

    Args:
        one: The original's.
        other: The copy's.
        tolerance: Numbers are equal up to this share of the larger one, or this much where both are below 1.
    """
    found = Difference(shapes=len(one.columns.keys() ^ other.columns.keys()) + (one.count != other.count))
    labelled = _classified(one, other, found)
    for name in one.columns.keys() & other.columns.keys():
        for mine, its in zip(one.columns[name], other.columns[name], strict=False):
            _compare(mine, its, tolerance, found)
            if name.rpartition("/")[2] not in labelled:
                _rank(mine, its, found)
    return found


def _classified(one: Rows, other: Rows, found: Difference) -> set[str]:
    """Compares the first class of classifications; returns the names of their outputs."""
    if not all(name in rows.columns for rows in (one, other) for name in (_CLASSES, _SCORES)):
        return set()
    for mine, its in zip(_first(one), _first(other), strict=False):
        found.ranked += 1
        found.classes += mine != its
    return {_CLASSES, _SCORES}


def _first(rows: Rows) -> list[Any]:
    pairs = zip(rows.columns[_CLASSES], rows.columns[_SCORES], strict=False)
    return [
        names[_top(scores)] if isinstance(names, list) and _scores(scores) else names
        for names, scores in pairs
    ]


def _scores(value: object) -> bool:
    return isinstance(value, list) and len(value) > 1 and all(isinstance(one, (int, float)) for one in value)


def _top(scores: Sequence[float]) -> int:
    return max(range(len(scores)), key=lambda at: -math.inf if math.isnan(scores[at]) else scores[at])


def _rank(mine: object, its: object, found: Difference) -> None:
    if _scores(mine) and _scores(its):
        found.ranked += 1
        found.classes += _top(mine) != _top(its)  # type: ignore[arg-type]


def _compare(mine: object, its: object, tolerance: float, found: Difference) -> None:
    if isinstance(mine, list) and isinstance(its, list):
        found.shapes += len(mine) != len(its)
        for one, other in zip(mine, its, strict=False):
            _compare(one, other, tolerance, found)
    elif isinstance(mine, (int, float)) and isinstance(its, (int, float)):
        _number(float(mine), float(its), tolerance, found)
    elif isinstance(mine, (str, bytes)) and isinstance(its, (str, bytes)):
        found.texts += 1
        found.other_texts += mine != its
    else:
        found.shapes += mine is not its and mine != its


def _number(mine: float, its: float, tolerance: float, found: Difference) -> None:
    found.numbers += 1
    if mine == its or (math.isnan(mine) and math.isnan(its)):
        return
    apart = abs(mine - its)
    if not math.isfinite(apart):
        found.differing += 1
        return
    found.total += apart
    found.largest = max(found.largest, apart)
    found.differing += apart > tolerance * max(1.0, abs(mine), abs(its))
