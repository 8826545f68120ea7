"""What comes of shadow copies: their answers beside the originals', summed up as plain JSON, over all replicas."""

from __future__ import annotations

import bisect
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from serving.experiments.modes.shadow_answers import Difference, difference
from serving.experiments.payload.read import response
from serving.experiments.state.store import StoreAwayError

if TYPE_CHECKING:
    from serving.experiments.contract import Choice, Outcome
    from serving.experiments.state.store import Store

log = logging.getLogger(__name__)

_BUCKETS: Final = tuple(0.1 * 2**k for k in range(20))
"""Upper bounds in ms of the counts of latencies; the last count has no bound."""
_PATIENCE: Final = 60.0
"""Seconds that one half of a pair waits for the other."""
_MOST_WAITING: Final = 5_000
_MOST_BYTES: Final = 64 << 20
_AT_ONCE: Final = 200
"""Pairs whose answers are compared at a time; of more, latency and errors alone count."""
_ROWS: Final = 20
_ATTEMPTS: Final = 20


def shadow_key(experiment: str) -> str:
    """Returns the key of the comparison of an experiment's shadows in the store."""
    return f"shadow/{experiment}"


@dataclass
class ShadowSums:
    """An arm's copies beside the originals. Sums: those of two replicas add up.

    Attributes:
        pairs: Originals and copies that were answered.
        lost: Originals whose copy was never answered: the queue was full, or it took too long.
        compared: Pairs of which both succeeded and the answers were looked into.
        equal: Those that do not differ.
        skipped: Pairs of which both succeeded, but there was no time, or they were too large.
        failed: Copies that failed where the original did not.
        cured: Copies that did not fail where the original did.
        both_failed: Pairs of which both failed.
        codes: Code of failed copies → how many.
        seconds: Sum of the latencies of originals and of copies.
        slower: Copies that took longer than the original.
        originals: Latencies of the originals, counted by bucket.
        copies: Latencies of the copies, counted by bucket.
        differs: What differs in the answers.
    """

    pairs: int = 0
    lost: int = 0
    compared: int = 0
    equal: int = 0
    skipped: int = 0
    failed: int = 0
    cured: int = 0
    both_failed: int = 0
    codes: dict[str, int] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=lambda: [0.0, 0.0])
    slower: int = 0
    originals: list[int] = field(default_factory=lambda: [0] * (len(_BUCKETS) + 1))
    copies: list[int] = field(default_factory=lambda: [0] * (len(_BUCKETS) + 1))
    differs: Difference = field(default_factory=Difference)

    def add(self, original: Outcome, copy: Outcome, found: Difference | None) -> None:
        """Takes a pair; ``found`` is how the answers differ, None if they were not looked into."""
        self.pairs += 1
        self._latency(original.seconds, copy.seconds)
        if copy.code:
            self.codes[str(copy.code)] = self.codes.get(str(copy.code), 0) + 1
        if original.code or copy.code:
            self.both_failed += bool(original.code and copy.code)
            self.failed += not original.code
            self.cured += not copy.code
        elif found is None:
            self.skipped += 1
        else:
            self.compared += 1
            self.equal += found.none
            self.differs = _plus(self.differs, found)

    def _latency(self, original: float, copy: float) -> None:
        self.seconds = [self.seconds[0] + original, self.seconds[1] + copy]
        self.slower += copy > original
        self.originals[bisect.bisect_left(_BUCKETS, original * 1000)] += 1
        self.copies[bisect.bisect_left(_BUCKETS, copy * 1000)] += 1

    def to_json(self) -> dict[str, Any]:
        """Returns the sums as plain JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ShadowSums:
        """Returns what ``to_json`` gave, exactly."""
        return cls(**{**value, "differs": Difference(**value["differs"])})

    def report(self) -> dict[str, Any]:
        """Returns what a person wants to know: shares, means, largest differences, latencies in ms."""
        d = self.differs
        return {
            "pairs": self.pairs,
            "lost": self.lost,
            "compared": self.compared,
            "equal_share": _share(self.equal, self.compared),
            "mean_difference": _share(d.total, d.numbers),
            "largest_difference": d.largest,
            "other_class_share": _share(d.classes, d.ranked),
            "other_text_share": _share(d.other_texts, d.texts),
            "other_shape": d.shapes,
            "failed": self.failed,
            "cured": self.cured,
            "both_failed": self.both_failed,
            "codes": dict(self.codes),
            "mean_ms": [_share(1000 * one, self.pairs) for one in self.seconds],
            "p50_ms": [_quantile(one, 0.5) for one in (self.originals, self.copies)],
            "p99_ms": [_quantile(one, 0.99) for one in (self.originals, self.copies)],
            "slower_share": _share(self.slower, self.pairs),
        }


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _quantile(counts: Sequence[int], q: float) -> float | None:
    """Returns the upper bound of the bucket that holds a quantile: at most twice the true one."""
    left = q * sum(counts)
    for bound, count in zip(_BUCKETS, counts, strict=False):
        left -= count
        if count and left <= 0:
            return bound
    return None


def _plus(one: Any, other: Any) -> Any:
    """Adds up two records, field by field; of ``largest`` the larger one holds."""
    found = {}
    for name, mine in vars(one).items():
        its = getattr(other, name)
        if isinstance(mine, Difference):
            found[name] = _plus(mine, its)
        elif isinstance(mine, list):
            found[name] = [a + b for a, b in zip(mine, its, strict=True)]
        elif isinstance(mine, dict):
            found[name] = {key: mine.get(key, 0) + its.get(key, 0) for key in mine.keys() | its.keys()}
        else:
            found[name] = max(mine, its) if name == "largest" else mine + its
    return type(one)(**found)


class ShadowComparison:
    """Pairs originals with copies by request id, in bounded memory, and sums up how they differ.

    Args:
        experiment: The experiment's name.
        tolerance: Up to where numbers are equal; see ``difference``.
        clock: Seconds that never run backwards.
    """

    def __init__(
        self, experiment: str, tolerance: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._experiment, self._tolerance, self._clock = experiment, tolerance, clock
        self._waiting: OrderedDict[tuple[str, str], tuple[float, bool, Outcome]] = OrderedDict()
        self._bytes, self._lock = 0, threading.Lock()
        self.new: dict[str, ShadowSums] = {}
        """Arm → what was seen since ``add_to``."""

    def take(
        self, answered: Sequence[tuple[Choice, Outcome]], shadowed: Sequence[tuple[Choice, str, Outcome]]
    ) -> None:
        """Takes originals and copies, in any order."""
        left = _AT_ONCE
        with self._lock:
            for choice, outcome in answered:
                if choice.experiment == self._experiment:
                    for arm, _ in choice.shadows:
                        left -= self._meet(arm, outcome, True, left > 0)
            for choice, arm, outcome in shadowed:
                if choice.experiment == self._experiment:
                    left -= self._meet(arm, outcome, False, left > 0)
            self._expire()

    def _meet(self, arm: str, outcome: Outcome, original: bool, look: bool) -> bool:
        """Takes one half of a pair; returns whether answers were looked into."""
        key = (arm, outcome.request_id)
        known = self._waiting.get(key)
        if known is None or known[1] is original:  # an id that came twice: the later one waits
            self._forget(key)
            self._waiting[key] = (self._clock(), original, outcome)
            self._bytes += len(outcome.response)
            return False
        self._forget(key)
        first, second = (outcome, known[2]) if original else (known[2], outcome)
        found = None
        if look and not first.code and not second.code:
            mine, its = (response(one.api, one.method, one.response, _ROWS) for one in (first, second))
            found = difference(mine, its, self._tolerance) if mine.count else None
        self.new.setdefault(arm, ShadowSums()).add(first, second, found)
        return found is not None

    def _forget(self, key: tuple[str, str]) -> None:
        known = self._waiting.pop(key, None)
        self._bytes -= len(known[2].response) if known else 0

    def _expire(self) -> None:
        while self._waiting:
            key, (since, original, _) = next(iter(self._waiting.items()))
            young = self._clock() - since <= _PATIENCE
            if young and len(self._waiting) <= _MOST_WAITING and self._bytes <= _MOST_BYTES:
                return
            self._forget(key)
            if original:
                self.new.setdefault(key[0], ShadowSums()).lost += 1

    def add_to(self, store: Store) -> None:
        """Adds what was seen to what all replicas have seen; while the store is away it waits.

        Another thread may take meanwhile.
        """
        with self._lock:
            new, self.new = self.new, {}
        if new and not _added(store, shadow_key(self._experiment), new):
            with self._lock:
                self.new = _merged(self.new, new)


def _added(store: Store, key: str, new: Mapping[str, ShadowSums]) -> bool:
    """Adds sums to those in the store; returns whether they are there."""
    for _ in range(_ATTEMPTS):
        try:
            version, value = store.read(key) or (0, {})
            whole = _merged({arm: ShadowSums.from_json(sums) for arm, sums in value.items()}, new)
            if store.write(key, {arm: sums.to_json() for arm, sums in whole.items()}, version):
                return True
        except StoreAwayError as error:
            log.debug("the comparison of shadows waits: %s", error)
            return False
    return False


def _merged(one: Mapping[str, ShadowSums], other: Mapping[str, ShadowSums]) -> dict[str, ShadowSums]:
    found = dict(one)
    for arm, sums in other.items():
        found[arm] = _plus(found[arm], sums) if arm in found else sums
    return found


def shadow_report(store: Store, experiment: str) -> dict[str, Any]:
    """Returns arm → how its copies compare with the originals, as all replicas have seen it."""
    _, value = store.read(shadow_key(experiment)) or (0, {})
    return {arm: ShadowSums.from_json(sums).report() for arm, sums in value.items()}
