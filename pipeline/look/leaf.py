"""Counts the values at one path, a list of values of one kind per call."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from components.exports.coerce import kind_of_text
from components.exports.extended_json import parse_date
from foundation.coarse import DAY, MONTH
from foundation.personal.looks import looks_of
from foundation.personal.names import NUMBERED, named
from pipeline.look.mask import masked
from pipeline.look.sketch import Distinct

LOOKED_AT = 40
"""Texts per block that are searched for personal values and masked as examples."""
NO_VALUE = frozenset({"null", "malformed", "deep"})
_NUMBERS = frozenset({"bool", "int", "float"})
_MOST_BITS = 900
_SHAPES = 200
_LARGE = 1e100
"""Above it squares and sums of doubles need the range of a long double."""
_MOST_DAYS = 50_000
_ISO_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class Leaf:
    """The counts of one path.

    Args:
        path: Dotted path; its last name is evidence of personal values.
    """

    def __init__(self, path: str = "") -> None:
        self._path = path
        self.kinds: Counter[str] = Counter()
        self.written: set[str] = set()
        """Kinds that texts look like: "31" is an int written as text."""
        self.values = 0
        self.distinct = Distinct()
        self.words = 0
        self.longest = 0
        self.personal: Counter[str] = Counter()
        self.examined = 0
        """How many texts were searched for personal values."""
        self.shapes: Counter[str] = Counter()
        self.numbers = 0
        self.total: Any = 0.0
        self.squares: Any = 0.0
        self.low = math.inf
        self.high = -math.inf
        self.zero_or_one = True
        self.dates: Counter[str] = Counter()
        """Days of dates, or their months once there are too many days."""
        self.finest = DAY

    def take(self, kind: str, values: Sequence[Any], as_text: bool = False) -> None:
        """Counts values of one kind.

        Args:
            kind: As ``coerce.kind_of`` names it.
            values: Hashable values; dates as ISO text or epoch milliseconds.
            as_text: Whether they are cells of a CSV file.
        """
        count = len(values)
        self.kinds[kind] += count
        if kind in NO_VALUE:
            return
        self.values += count
        self.distinct.add(values, count, whole=kind == "int")
        self._look(kind, values[:: max(1, count // LOOKED_AT)][:LOOKED_AT])
        if kind == "string":
            self._texts(values)
        elif kind in _NUMBERS:
            self._numbers([value == "true" for value in values] if as_text and kind == "bool" else values)
        elif kind == "date":
            self._dates(values)

    def _look(self, kind: str, some: Sequence[Any]) -> None:
        if kind == "string" or (kind == "int" and named(self._path) in NUMBERED):
            self.personal.update(looks_of(map(str, some), self._path))
            self.examined += len(some)
        if len(self.shapes) < _SHAPES:
            self.shapes.update(masked(kind, value) for value in some)

    def _texts(self, values: Sequence[str]) -> None:
        self.words += sum(map(len, map(str.split, values)))
        self.longest = max(self.longest, max(map(len, values)))
        for value in values:
            if "string" in self.written:
                return
            self.written.add(kind_of_text(value))

    def _numbers(self, values: Sequence[Any]) -> None:
        try:
            array = np.array(values, np.float64)
        except OverflowError:  # an integer that no double can hold
            array = np.array([float(v) for v in values if int(v).bit_length() <= _MOST_BITS], np.float64)
        array = array[np.isfinite(array)]
        if not len(array):
            return
        self.numbers += len(array)
        self.low, self.high = min(self.low, float(array.min())), max(self.high, float(array.max()))
        if max(-self.low, self.high) > _LARGE:
            array = array.astype(np.longdouble)
        self.total += array.sum()
        self.squares += (array * array).sum()
        self.zero_or_one = self.zero_or_one and bool(np.isin(array, (0.0, 1.0)).all())

    def _dates(self, values: Sequence[Any]) -> None:
        # Compared as text, and only the extremes are parsed.
        texts = [value for value in values if isinstance(value, str)]
        ends = {min(texts), max(texts)} if texts else set()
        for text in ends:
            try:
                parse_date(text)
            except ValueError:
                self.kinds["malformed"] += 1
                self.kinds["date"] -= 1
        days = Counter(text[:DAY] for text in texts)
        millis = np.array([int(v) for v in values if not isinstance(v, str)], "datetime64[ms]")
        for date, count in zip(*np.unique(millis.astype("datetime64[D]"), return_counts=True), strict=True):
            days[str(date)] += int(count)
        self._count_dates({day: count for day, count in days.items() if _ISO_DAY.fullmatch(day)})

    def _count_dates(self, dates: Mapping[str, int]) -> None:
        for date, count in dates.items():
            self.dates[date[: self.finest]] += count
        if len(self.dates) > _MOST_DAYS and self.finest == DAY:
            self.finest = MONTH
            days, self.dates = self.dates, Counter()
            self._count_dates(days)

    def merge(self, other: Leaf) -> None:
        """Merges the counts of another leaf."""
        self.kinds.update(other.kinds)
        self.personal.update(other.personal)
        self.shapes.update(other.shapes)
        self.written |= other.written
        self.distinct.merge(other.distinct)
        for name in ("values", "words", "examined", "numbers", "total", "squares"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.longest = max(self.longest, other.longest)
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)
        self.zero_or_one = self.zero_or_one and other.zero_or_one
        mine, self.finest, self.dates = self.dates, min(self.finest, other.finest), Counter()
        self._count_dates(mine)
        self._count_dates(other.dates)

    def settled_kinds(self) -> frozenset[str]:
        """Returns the kinds of values; numbers partly written as text count as numbers."""
        kinds = {kind for kind in self.kinds if kind not in NO_VALUE and self.kinds[kind] > 0}
        as_numbers = (kinds - {"string"}) | self.written
        is_number = len(kinds) > 1 and "string" in kinds and as_numbers <= {"int", "float", "decimal"}
        return frozenset(as_numbers if is_number else kinds)

    @property
    def mean(self) -> float:
        """Mean of the numbers; 0 where there are none."""
        return float(self.total / self.numbers) if self.numbers else 0.0

    @property
    def deviation(self) -> float:
        """Standard deviation of the numbers; 0 where there are none."""
        if not self.numbers:
            return 0.0
        mean = self.total / self.numbers
        return float(max(0.0, self.squares / self.numbers - mean * mean) ** 0.5)
