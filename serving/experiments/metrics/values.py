"""Counts what inputs lack, and follows the numbers of answers, a batch at a time."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from serving.experiments.metrics import families as f
from serving.experiments.metrics.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from serving.experiments.payload.rows import Rows

MOST_NAMES: Final = 100
"""Inputs and outputs of an experiment that get a label; a client may send any number of names."""
_LARGEST: Final = 1e150
"""The square of a larger number is infinite, and such a number no prediction."""
Arm = tuple[str, str]
_MOST_NUMBERS: Final = 1000
"""Numbers of one output in one answer that are looked at."""


class Inputs:
    """What inputs lack, by experiment and arm."""

    def __init__(self) -> None:
        self.rows: Counter[Arm] = Counter()
        self.unread: Counter[Arm] = Counter()
        self.missing: Counter[tuple[str, str, str]] = Counter()
        self.nan: Counter[tuple[str, str, str]] = Counter()
        self._known: dict[str, dict[str, None]] = {}

    def add(self, arm: Arm, rows: Rows) -> None:
        """Looks at the inputs of a request."""
        if not rows.count:
            self.unread[arm] += 1
            return
        kept = max(map(len, rows.columns.values()), default=0)
        self.rows[arm] += kept
        known = self._known.setdefault(arm[0], {})
        for name, values in rows.columns.items():
            if name not in known:
                if len(known) >= MOST_NAMES:
                    continue
                known[name] = None
            for value in values:
                if value is None:
                    self.missing[(*arm, name)] += 1
                elif _has_nan(value):
                    self.nan[(*arm, name)] += 1
        if len(rows.columns) < len(known):
            for name in known:
                if name not in rows.columns:
                    self.missing[(*arm, name)] += kept

    def collect(self) -> Iterator[Any]:
        """Yields the families as Prometheus' client has them."""
        for family, counts in (
            (f.INPUT_ROWS, self.rows),
            (f.INPUT_MISSING, self.missing),
            (f.INPUT_NAN, self.nan),
            (f.UNREAD, self.unread),
        ):
            yield counter(family, counts)


def _has_nan(value: Any) -> bool:
    kind = type(value)
    if kind is float:
        return not -math.inf < value < math.inf
    return kind is list and not all(map(math.isfinite, numbers(value)))


class Outputs:
    """The numbers of answers, by experiment, arm and output."""

    def __init__(self) -> None:
        self.numbers: Counter[tuple[str, str, str]] = Counter()
        self.nan: Counter[tuple[str, str, str]] = Counter()
        self._windows: dict[tuple[str, str, str], Window] = {}
        self._waiting: dict[tuple[str, str, str], list[float]] = {}
        self._known: dict[str, set[str]] = {}

    def add(self, arm: Arm, rows: Rows) -> None:
        """Looks at the outputs of an answer."""
        known = self._known.setdefault(arm[0], set())
        for name, values in rows.columns.items():
            if name not in known:
                if len(known) >= MOST_NAMES or not numbers(values):
                    continue
                known.add(name)
            waiting = self._waiting.setdefault((*arm, name), [])
            if len(values) == 1 and type(values[0]) is float:
                waiting.append(values[0])
            else:
                waiting.extend(numbers(values))

    def end(self, now: float) -> None:
        """Ends a batch at a time, in seconds."""
        for key, found in self._waiting.items():
            finite = [value for value in found if -_LARGEST < value < _LARGEST]
            if len(finite) < len(found):
                self.nan[key] += len(found) - len(finite)
            if finite:
                self.numbers[key] += len(finite)
                self._windows.setdefault(key, Window()).add(finite, now)
        self._waiting = {}

    def collect(self, now: float) -> Iterator[Any]:
        """Yields the families as Prometheus' client has them."""
        from prometheus_client.core import GaugeMetricFamily

        yield counter(f.PREDICTIONS, self.numbers)
        yield counter(f.PREDICTION_NAN, self.nan)
        found = [(key, window.read(now)) for key, window in list(self._windows.items())]
        for family, which in (
            (f.PREDICTION_MEAN, "mean"),
            (f.PREDICTION_MIN, "smallest"),
            (f.PREDICTION_MAX, "largest"),
            (f.PREDICTION_DEVIATION, "deviation"),
        ):
            gauge = GaugeMetricFamily(family.name, family.text, labels=family.labels)
            for key, moments in found:
                if moments.number:
                    gauge.add_metric([*key, f.WINDOW], getattr(moments, which))
            yield gauge


def numbers(value: Any) -> list[float]:
    """Returns the numbers in a value or nested list as floats; text and missing values have none."""
    found: list[float] = []
    rest = [value]
    while rest and len(found) < _MOST_NUMBERS:
        item = rest.pop()
        if type(item) is list:
            rest.extend(reversed(item[:_MOST_NUMBERS]))
        elif type(item) is float:
            found.append(item)
        elif type(item) is int or type(item) is bool:
            found.append(float(item) if abs(item) < 2**1023 else math.inf)
    return found


def counter(family: f.Family, counts: Counter[Any]) -> Any:
    """Returns a counter as Prometheus' client has it."""
    from prometheus_client.core import CounterMetricFamily

    result = CounterMetricFamily(family.name, family.text, labels=family.labels)
    for key, number in list(counts.items()):
        result.add_metric([key] if isinstance(key, str) else list(key), number)
    return result
