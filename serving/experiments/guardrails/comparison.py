"""The second layer: each arm's errors and slow answers against control's, since the beginning and in each hour."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from foundation.numbers import bound
from serving.experiments.guardrails.bets import Bets
from serving.experiments.guardrails.books import EVER as _EVER
from serving.experiments.guardrails.books import HOUR as _HOUR
from serving.experiments.guardrails.books import Books
from serving.experiments.guardrails.failures import Fault
from serving.experiments.guardrails.seen import Seen

if TYPE_CHECKING:
    from serving.experiments.contract import Choice
    from serving.experiments.guardrails.config import GuardrailsConfig
    from serving.experiments.state.store import Store

_ATTEMPTS: Final = 20
_FORMAT: Final = 2
PERIOD: Final = 3600.0
"""Seconds after which a unit counts again, in evidence of its own: an arm may begin to fail when all units were seen."""


def guardrails_key(experiment: str) -> str:
    """Returns the key of an experiment's guardrails in the store."""
    return f"guardrails/{experiment}"


class Compared:
    """Counts units until ``add_to`` turns them into evidence.

    There are two books. In the first a unit counts once, with its first answer; in the second once an hour, and each hour
    has evidence of its own: a unit that was slow is slow again, so evidence of two hours cannot be added up. Half of
    ``alpha`` is for the first, the other half is spent over the hours.

    Where requests are assigned by themselves each counts, and the evidence of all replicas and of a restart adds up in the store.
    Units come to several replicas, and would count at each: there every process has evidence of its own, and
    ``alpha`` is spent over the processes too.

    Args:
        experiment: The experiment's name.
        config: What is allowed.
        control: The name of control.
        arms: The other arms.
        by_request: Whether requests are assigned by themselves.
    """

    def __init__(
        self,
        experiment: str,
        config: GuardrailsConfig,
        control: str,
        arms: Sequence[str],
        *,
        by_request: bool = False,
    ) -> None:
        self._key, self._config, self._control, self._arms = (
            guardrails_key(experiment),
            config,
            control,
            list(arms),
        )
        self._margins = self._tests(config)
        self._by_request = by_request
        self._control_share = 0.5
        self._known: tuple[tuple[str, float], ...] = ()
        self._counted: Counter[tuple[str, str, str, float, float]] = Counter()
        self._seen = {_EVER: Seen(), _HOUR: Seen()}
        self._new = Books()
        self._own = Books()
        self._process = 0
        self.books = Books()
        """The evidence as of the last ``add_to``."""
        self.overruled: list[str] = []
        """Arms that a person let in again after they were taken out: their rewards take them out no more."""
        said = f"{_FORMAT} {sorted(self._margins.items())} {config.slower_than} {control} {by_request}"
        self._settings = hashlib.sha256(said.encode()).hexdigest()[:12]

    @staticmethod
    def _tests(config: GuardrailsConfig) -> dict[str, float]:
        found = {"errors": config.errors, "slow": config.slower_than.share if config.slower_than else None}
        return {name: margin for name, margin in found.items() if margin is not None}

    @property
    def alpha(self) -> float:
        """The chance of a false alarm of one comparison: all of them together have the document's."""
        tests = len(self._margins) + (self._config.reward is not None)
        return self._config.alpha / max(tests * len(self._arms), 1)

    def needed(self, book: str = _EVER) -> float:
        """Returns the logarithm of the evidence at which an arm is taken out."""
        found = math.log(2.0 / self.alpha)
        if book == _HOUR:
            found += spending(self.books.number - self.books.first + 1)
        return found if self._by_request else found + spending(max(self._process, 1))

    def take(self, choice: Choice, found: Fault, seconds: float) -> None:
        """Takes an answer.

        Args:
            choice: How its request was assigned.
            found: Whose fault it is. What is nobody's tells nothing of errors; that it was slow it may tell.
            seconds: How long it took.
        """
        if not self._margins or not 0 < choice.propensity <= 1:
            return
        unit = choice.unit
        books = [book for book, seen in self._seen.items() if not unit or seen.first(unit)]
        if not books:
            return
        if choice.probabilities is not self._known:  # most choices share one
            self._known = choice.probabilities
            self._control_share = dict(self._known).get(self._control, 0.0) or self._control_share
        if not self._known and choice.arm == self._control:
            self._control_share = choice.propensity
        for name in self._margins:
            bad = self._bad(name, found, seconds)
            if bad is not None:
                # What did not go badly says the same whatever its propensity: a number is enough.
                propensity = choice.propensity if bad else 0.0
                for book in books:
                    self._counted[(book, choice.arm, name, propensity, self._control_share)] += 1

    def _bad(self, name: str, found: Fault, seconds: float) -> bool | None:
        if name == "errors":
            return None if found is Fault.NOBODY else found is not Fault.NONE
        slow = self._config.slower_than is not None and seconds * 1000 > self._config.slower_than.ms
        return None if found is Fault.NOBODY and not slow else slow

    def _settle(self) -> None:
        """Turns what was counted into evidence; a unit of control counts for the test of every arm."""
        for (book, arm, name, propensity, control), count in self._counted.items():
            for challenger in self._arms if arm == self._control else [arm] if arm in self._arms else []:
                bets = self._new.tests[book].setdefault(challenger, {}).setdefault(name, Bets())
                bets.add(
                    arm != self._control, propensity > 0, propensity, control, self._margins[name], count
                )
        self._counted.clear()

    def add_to(self, store: Store, readmitted: Callable[[Mapping[str, str]], Sequence[str]]) -> None:
        """Adds what was counted to the evidence, and begins the next hour if it is time.

        Args:
            store: The state.
            readmitted: From the arms that were taken out, with the reasons, to those that a person let in again: they
                begin anew.

        Raises:
            StoreAwayError: The store does not answer; nothing is lost.
        """
        self._settle()
        number = math.floor(store.now() / PERIOD)
        if number != self._new.number:
            self._new.begin(number)
            self._seen[_HOUR] = Seen()
        for _ in range(_ATTEMPTS):
            version, value = store.read(self._key) or (0, self._empty())
            stored = value if value.get("settings") == self._settings else self._empty()
            again = readmitted(stored["out"])
            self._process = self._process or int(stored["processes"]) + 1
            before = Books.from_json(stored["books"]) if self._by_request else self._own
            whole = before.plus(self._new, self._arms, list(self._margins), again)
            self.overruled = sorted({*stored["overruled"], *again})
            nothing = self._new.empty and not again and whole.number == before.number
            if nothing or store.write(self._key, self._stored(whole, stored, again), version):
                self.books, self._own = whole, whole
                self._new = Books(number=number)
                return

    def record_out(self, store: Store, arm: str, reason: str) -> None:
        """Keeps that an arm was taken out and why, so that its return is noticed.

        Raises:
            StoreAwayError: The store does not answer.
        """
        for _ in range(_ATTEMPTS):
            version, value = store.read(self._key) or (0, self._empty())
            stored = value if value.get("settings") == self._settings else self._empty()
            if store.write(self._key, {**stored, "out": {**stored["out"], arm: reason}}, version):
                return

    def forget(self, arm: str) -> None:
        """Forgets what this process counted of an arm: it is out, or comes back."""
        self._settle()
        for books in (self._new, self._own):
            books.forget(arm)

    def _empty(self) -> dict[str, Any]:
        return {
            "settings": self._settings,
            "processes": 0,
            "books": Books().to_json(),
            "out": {},
            "overruled": [],
        }

    def _stored(self, whole: Books, stored: Mapping[str, Any], again: Sequence[str]) -> dict[str, Any]:
        return {
            "settings": self._settings,
            "processes": max(int(stored["processes"]), self._process),
            "books": whole.to_json(),
            "out": {arm: reason for arm, reason in stored["out"].items() if arm not in again},
            "overruled": self.overruled,
        }

    def reason(self, arm: str) -> str:
        """Returns why an arm is to be taken out; empty if it is no worse than allowed as far as is known."""
        for book, tests in self.books.tests.items():
            for name, bets in tests.get(arm, {}).items():
                if bets.log_evidence >= self.needed(book):
                    return self._words(name, bets) + (" within this hour" if book == _HOUR else "")
        return ""

    def _words(self, name: str, bets: Bets) -> str:
        slow = self._config.slower_than
        what = f"answers slower than {slow.ms:g} ms" if name == "slow" and slow else "errors"
        return (
            f"{what} in {bound(bets.rate(True))} of {bets.units[1]} units, control {bound(bets.rate(False))} of "
            f"{bets.units[0]}: more than {bound(self._margins[name])} above control"
        )


def spending(number: int) -> float:
    """Returns the logarithm of what alpha is divided by for the first, second, … test: the shares add up to less than one.

    The sum of ``1 / (n ln(n)^2)`` from 2 on is 2.1097.
    """
    n = number + 1
    return math.log(2.11 * n * math.log(n) ** 2)


def guardrails_report(store: Store, experiment: str) -> dict[str, Any]:
    """Returns arm → what is compared → units and bad ones of control and the arm, and the evidence against the arm.

    Since the beginning; where units are assigned, as the process has it that wrote last. The evidence is the logarithm of what the
    bets have become: an arm is taken out where it exceeds ``ln(2 / alpha)`` and a little more for each process.
    """
    _, value = store.read(guardrails_key(experiment)) or (0, {})
    return {
        arm: {name: _said(Bets.from_json(bets)) for name, bets in found.items()}
        for arm, found in value.get("books", {}).get("tests", {}).get(_EVER, {}).items()
    }


def _said(bets: Bets) -> dict[str, Any]:
    return {"units": bets.units, "bad": bets.bad, "evidence": round(bets.log_evidence, 3)}
