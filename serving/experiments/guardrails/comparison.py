"""The second layer: each arm's errors and slow answers against control's, summed over all replicas in the store."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from foundation.numbers import bound
from serving.experiments.guardrails.bets import Bets
from serving.experiments.guardrails.failures import Fault
from serving.experiments.guardrails.seen import Seen

if TYPE_CHECKING:
    from serving.experiments.contract import Choice
    from serving.experiments.guardrails.config import GuardrailsConfig
    from serving.experiments.state.store import Store

_ATTEMPTS: Final = 20
_FORMAT: Final = 1

Tests = dict[str, dict[str, Bets]]
"""Arm → what is compared (``errors``, ``slow``) → the evidence."""


def guardrails_key(experiment: str) -> str:
    """Returns the key of an experiment's guardrails in the store."""
    return f"guardrails/{experiment}"


class Compared:
    """Counts units until ``add_to`` adds them to those of all replicas.

    A unit counts once, with its first answer: all its answers come from one arm, so they say the same thing again. Where
    requests are assigned by themselves each counts. A unit that is forgotten, after 200,000 others at least, counts again.

    Args:
        experiment: The experiment's name.
        config: What is allowed.
        control: The name of control.
        arms: The other arms.
    """

    def __init__(self, experiment: str, config: GuardrailsConfig, control: str, arms: Sequence[str]) -> None:
        self._key, self._config, self._control, self._arms = (
            guardrails_key(experiment),
            config,
            control,
            list(arms),
        )
        self._margins = self._tests(config)
        self._control_share = 0.5
        self._known: tuple[tuple[str, float], ...] = ()
        self._counted: Counter[tuple[str, str, float, float]] = Counter()
        self._seen = Seen()
        self._new: Tests = {}
        self.tests: Tests = {}
        """What all replicas have seen, as of the last ``add_to``."""
        self.overruled: list[str] = []
        """Arms that a person let in again after they were taken out: their rewards take them out no more."""
        said = f"{_FORMAT} {sorted(self._margins.items())} {config.slower_than} {control}"
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

    @property
    def needed(self) -> float:
        """The logarithm of the evidence at which an arm is taken out."""
        return -math.log(self.alpha)

    def take(self, choice: Choice, found: Fault, seconds: float) -> None:
        """Takes an answer.

        Args:
            choice: How its request was assigned.
            found: Whose fault it is. What is nobody's tells nothing of errors; that it was slow it may tell.
            seconds: How long it took.
        """
        if (
            not self._margins
            or not 0 < choice.propensity <= 1
            or (choice.unit and not self._seen.first(choice.unit))
        ):
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
                self._counted[(choice.arm, name, choice.propensity if bad else 0.0, self._control_share)] += 1

    def _bad(self, name: str, found: Fault, seconds: float) -> bool | None:
        if name == "errors":
            return None if found is Fault.NOBODY else found is not Fault.NONE
        slow = self._config.slower_than is not None and seconds * 1000 > self._config.slower_than.ms
        return None if found is Fault.NOBODY and not slow else slow

    def _settle(self) -> None:
        """Turns what was counted into evidence; a unit of control counts for the test of every arm."""
        for (arm, name, propensity, control), count in self._counted.items():
            for challenger in self._arms if arm == self._control else [arm] if arm in self._arms else []:
                bets = self._new.setdefault(challenger, {}).setdefault(name, Bets())
                bets.add(
                    arm != self._control, propensity > 0, propensity, control, self._margins[name], count
                )
        self._counted.clear()

    def add_to(self, store: Store, readmitted: Callable[[Mapping[str, str]], Sequence[str]]) -> None:
        """Adds what was counted to what all replicas have seen, and reads the sum.

        Args:
            store: The state.
            readmitted: From the arms that were taken out, with the reasons, to those that a person let in again: they
                begin anew.

        Raises:
            StoreAwayError: The store does not answer; nothing is lost.
        """
        self._settle()
        for _ in range(_ATTEMPTS):
            version, value = store.read(self._key) or (0, self._empty())
            stored = value if value.get("settings") == self._settings else self._empty()
            again = readmitted(stored["out"])
            tests = {
                arm: {name: Bets.from_json(bets) for name, bets in found.items()}
                for arm, found in stored["tests"].items()
                if arm not in again
            }
            merged = self._merged(tests)
            self.overruled = sorted({*stored["overruled"], *again})
            if not self._new and not again:
                self.tests = merged
                return
            if store.write(self._key, self._stored(merged, stored["out"], again), version):
                self.tests, self._new = merged, {}
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
        """Forgets what was counted of an arm and not yet added."""
        self._settle()
        self._new.pop(arm, None)

    def _empty(self) -> dict[str, Any]:
        return {"settings": self._settings, "tests": {}, "out": {}, "overruled": []}

    def _merged(self, tests: Tests) -> Tests:
        return {
            arm: {
                name: tests.get(arm, {}).get(name, Bets()).plus(self._new.get(arm, {}).get(name, Bets()))
                for name in self._margins
            }
            for arm in self._arms
        }

    def _stored(self, tests: Tests, out: Mapping[str, str], again: Sequence[str]) -> dict[str, Any]:
        return {
            "settings": self._settings,
            "tests": {
                arm: {name: bets.to_json() for name, bets in found.items()} for arm, found in tests.items()
            },
            "out": {arm: reason for arm, reason in out.items() if arm not in again},
            "overruled": self.overruled,
        }

    def reason(self, arm: str) -> str:
        """Returns why an arm is to be taken out; empty if it is no worse than allowed as far as is known."""
        for name, bets in self.tests.get(arm, {}).items():
            if bets.exceeds(self.alpha):
                slow = self._config.slower_than
                what = f"answers slower than {slow.ms:g} ms" if name == "slow" and slow else "errors"
                return (
                    f"{what} in {bound(bets.rate(True))} of {bets.units[1]} units, control {bound(bets.rate(False))} of "
                    f"{bets.units[0]}: more than {bound(self._margins[name])} above control"
                )
        return ""


def guardrails_report(store: Store, experiment: str) -> dict[str, Any]:
    """Returns arm → what is compared → units and bad ones of control and the arm, and the evidence against the arm.

    The evidence is the logarithm of the odds of the bets: an arm is taken out where it exceeds ``-ln alpha``.
    """
    _, value = store.read(guardrails_key(experiment)) or (0, {})
    return {
        arm: {name: _said(Bets.from_json(bets)) for name, bets in found.items()}
        for arm, found in value.get("tests", {}).items()
    }


def _said(bets: Bets) -> dict[str, Any]:
    return {"units": bets.units, "bad": bets.bad, "evidence": round(bets.log_evidence, 3)}
