"""Counts answers and their latency, a batch at a time."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from serving.codes import Code
from serving.experiments.metrics.families import BUCKETS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from serving.experiments.contract import Choice, Outcome, Target
    from serving.experiments.metrics.families import Family

_MOST_VERSIONS: Final = 50
OTHER: Final = "other"
_CODES: Final = {int(code): code.name for code in Code}


class Answers:
    """Counts the answers of arms, or those of copies.

    Args:
        requests: The counter of answers.
        errors: The counter of failed ones; None for none.
        duration: The histogram of latencies.
    """

    def __init__(self, requests: Family, errors: Family | None, duration: Family) -> None:
        self._families = (requests, errors, duration)
        self._counts: Counter[tuple[Any, ...]] = Counter()
        self._buckets: dict[tuple[Any, ...], list[int]] = {}
        self._seconds: dict[tuple[Any, ...], float] = {}
        self._versions: dict[tuple[str, str], set[int | None]] = {}

    def add(self, choice: Choice, arm: str, target: Target, outcome: Outcome) -> None:
        """Counts an answer."""
        version = self._version(choice.experiment, arm, outcome.version)
        key = (choice.experiment, arm, target.model, version, outcome.api)
        self._counts[(*key, outcome.code)] += 1
        buckets = self._buckets.get(key)
        if buckets is None:
            buckets = self._buckets[key] = [0] * (len(BUCKETS) + 1)
            self._seconds[key] = 0.0
        buckets[bisect_left(BUCKETS, outcome.seconds)] += 1
        self._seconds[key] += outcome.seconds

    def _version(self, experiment: str, arm: str, version: int | None) -> int | str | None:
        known = self._versions.setdefault((experiment, arm), set())
        if version not in known:
            if len(known) >= _MOST_VERSIONS:
                return OTHER
            known.add(version)
        return version

    def busy(self) -> dict[tuple[str, str], float]:
        """Returns experiment and arm → seconds that its answers took."""
        found: dict[tuple[str, str], float] = {}
        for key, seconds in list(self._seconds.items()):
            found[key[:2]] = found.get(key[:2], 0.0) + seconds
        return found

    def collect(self) -> Iterator[Any]:
        """Yields the families as Prometheus' client has them."""
        from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

        requests, errors, duration = self._families
        counts = list(self._counts.items())
        for family, wanted in ((requests, lambda code: True), (errors, bool)):
            if family is None:
                continue
            counter = CounterMetricFamily(family.name, family.text, labels=family.labels)
            for (*key, code), number in counts:
                if wanted(code):
                    counter.add_metric([*_texts(key), _CODES.get(code, str(Code.UNKNOWN.name))], number)
            yield counter
        histogram = HistogramMetricFamily(duration.name, duration.text, labels=duration.labels)
        for labels, buckets in list(self._buckets.items()):
            histogram.add_metric(_texts(labels), _cumulative(list(buckets)), self._seconds[labels])
        yield histogram


def _texts(key: Any) -> list[str]:
    return ["" if part is None else str(part) for part in key]


def _cumulative(buckets: list[int]) -> list[tuple[str, float]]:
    bounds = [f"{bound!r}" for bound in BUCKETS] + ["+Inf"]
    total, found = 0, []
    for bound, count in zip(bounds, buckets, strict=True):
        total += count
        found.append((bound, float(total)))
    return found
