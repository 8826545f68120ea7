"""One experiment's guardrails: they watch its answers, take a failing arm out, keep the reason and tell who wants to hear."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from serving.codes import Code
from serving.experiments.contract import Choice
from serving.experiments.guardrails.breaker import WINDOW, Breaker, finite
from serving.experiments.guardrails.comparison import Compared
from serving.experiments.guardrails.failures import PATIENCE, Fault, fault
from serving.experiments.guardrails.reward import reward_reason
from serving.experiments.payload.read import response
from serving.experiments.state.lifecycle import Lifecycle, change, read_lifecycle
from serving.experiments.state.store import StoreAwayError

if TYPE_CHECKING:
    from serving.experiments.contract import Outcome
    from serving.experiments.guardrails.alerts import Alerts
    from serving.experiments.guardrails.config import GuardrailsConfig
    from serving.experiments.state.store import Store
    from serving.experiments.statistics.evidence import Evidence

log = logging.getLogger(__name__)

_BETWEEN: Final = 1.0
"""Seconds between two sums over all replicas."""
_ROWS: Final = 100
"""Rows of an answer that are looked into for NaN."""
_QUIET: Final = 60.0
"""Seconds without trouble after which an alarm of control may sound again."""


class Guardrails:
    """Two layers. The circuit breaker sees failures in a row and NaN within seconds, in this process's own traffic; the
    comparison with control sees what is worse than allowed in that of all replicas.

    An arm that is taken out comes back only when a person lets it in again; what was counted of it then begins anew. Control is
    never taken out: no other arm is known to be better, and to give it all traffic would be a promotion. Where control fails
    it alarms, and arms that fail at the same time stay in, because the cause is not theirs.

    Args:
        experiment: Its name.
        config: What is allowed.
        control: The name of control.
        arms: The other arms.
        store: The state.
        alerts: Who hears of it.
        clock: Seconds that never run backwards.
        by_request: Whether requests are assigned by themselves.
    """

    def __init__(
        self,
        experiment: str,
        config: GuardrailsConfig,
        control: str,
        arms: Sequence[str],
        store: Store,
        alerts: Alerts,
        clock: Callable[[], float] = time.monotonic,
        *,
        by_request: bool = False,
    ) -> None:
        self._experiment, self._config, self._control, self._arms = experiment, config, control, list(arms)
        self._store, self._alerts, self._clock = store, alerts, clock
        self._breaker = Breaker(config, control)
        self._compared = Compared(experiment, config, control, arms, by_request=by_request)
        slow = config.slower_than
        self._patience = min(PATIENCE, slow.ms / 1000) if slow else PATIENCE
        self._out: set[str] = set()
        self._pending: dict[str, str] = {}
        self._summed = float("-inf")
        self._alarmed = float("-inf")

    @property
    def pending(self) -> dict[str, str]:
        """Arm → why it is to be taken out, where the store does not know yet: it is out in this process at once."""
        return dict(self._pending)

    def take(self, batch: Sequence[tuple[Choice, Outcome]]) -> None:
        """Takes answers; nothing waits here and nothing is written."""
        latest = self._latest(batch)
        for at, (choice, outcome) in enumerate(batch):
            arm = choice.arm
            if choice.experiment != self._experiment or arm in self._out or arm in self._pending:
                continue
            found = fault(outcome, self._config.hang, self._patience)
            words = self._words(outcome) if found is Fault.ARM else ""
            broken = self._broken(outcome) if at in latest else None
            self._breaker.take(arm, choice.unit, outcome.began + outcome.seconds, found, words, broken)
            if type(choice) is Choice:  # a bystander's answer is no part of the results
                self._compared.take(choice, found, outcome.seconds)

    def _latest(self, batch: Sequence[tuple[Choice, Outcome]]) -> set[int]:
        """Returns which answers are looked into for NaN: each arm's last, as many as the window holds."""
        left: dict[str, int] = {}
        found = set()
        for at in range(len(batch) - 1, -1, -1):
            choice, outcome = batch[at]
            if outcome.code == Code.OK and not outcome.fell_back and left.get(choice.arm, WINDOW):
                left[choice.arm] = left.get(choice.arm, WINDOW) - 1
                found.add(at)
        return found

    def _broken(self, outcome: Outcome) -> bool | None:
        if self._config.nan_share is None or not outcome.response:
            return None
        if outcome.api == "rest" and b"NaN" not in outcome.response and b"Infinity" not in outcome.response:
            return False
        return not finite(lambda: response(outcome.api, outcome.method, outcome.response, _ROWS).columns)

    def _words(self, outcome: Outcome) -> str:
        if self._config.hang is not None and outcome.seconds >= self._config.hang:
            return f"no answer within {self._config.hang:g} s"
        if outcome.fell_back:
            return "control had to answer"
        return Code(outcome.code).name if outcome.code in Code._value2member_map_ else f"code {outcome.code}"

    def check(self, lifecycle: Lifecycle, evidence: Evidence | None = None) -> None:
        """Takes arms out that break a rule; to be called several times a second.

        Args:
            lifecycle: The experiment's, as last read.
            evidence: What its rewards have shown so far.

        Raises:
            StoreAwayError: The store does not answer. Arms that are to go are out in this process, see ``pending``; the
                next call tries again.
        """
        self._adopt(lifecycle)
        for arm in self._arms:
            if arm not in self._out and arm not in self._pending:
                self._judge(arm, self._breaker.reason(arm))
        self._watch_control()
        self._write()
        if self._clock() - self._summed < _BETWEEN:
            return
        self._summed = self._clock()
        self._compared.add_to(self._store, self._readmitted)
        for arm in self._arms:
            if arm not in self._out and arm not in self._pending:
                self._judge(arm, self._compared.reason(arm) or self._reward(arm, evidence))
        self._write()

    def _adopt(self, lifecycle: Lifecycle) -> None:
        for arm in set(lifecycle.out) ^ self._out:
            self._breaker.forget(arm)
            self._compared.forget(arm)
        self._out = set(lifecycle.out)
        for arm in self._out:
            self._pending.pop(arm, None)

    def _reward(self, arm: str, evidence: Evidence | None) -> str:
        allowance = self._config.reward
        if allowance is None or evidence is None or arm in self._compared.overruled:
            return ""
        return reward_reason(evidence, arm, allowance, self._compared.alpha)

    def _judge(self, arm: str, reason: str) -> None:
        if reason:
            self._pending[arm] = reason
            self._breaker.forget(arm)
            self._compared.forget(arm)
            log.warning("experiment %s: arm %s is taken out: %s", self._experiment, arm, reason)

    def _write(self) -> None:
        """Writes pending removals: the store, then the event and the alert of the replica that was first."""
        for arm, reason in list(self._pending.items()):
            first = _Removal(arm, reason, self._store)
            change(self._store, self._experiment, first)
            self._out.add(arm)
            self._pending.pop(arm)
            self._compared.record_out(self._store, arm, reason)
            if first.happened:
                self._tell("arm_removed", arm, reason, f"arm {arm} was taken out: {reason}")

    def _watch_control(self) -> None:
        reason = self._breaker.reason(self._control)
        now = self._clock()
        if reason and now - self._alarmed > _QUIET:
            text = f"control {self._control}: {reason}; it stays in, arms that fail meanwhile stay in too"
            self._tell("control_failing", self._control, reason, text)
        if reason:
            self._alarmed = now

    def _tell(self, kind: str, arm: str, reason: str, text: str) -> None:
        detail = {
            "kind": kind,
            "experiment": self._experiment,
            "arm": arm,
            "reason": reason,
            "at": time.time(),
        }
        self._alerts.send(detail)
        with contextlib.suppress(StoreAwayError):  # the alert and the log have it
            self._store.event(self._experiment, kind, text, {"arm": arm, "reason": reason})

    def _readmitted(self, out: Mapping[str, str]) -> list[str]:
        """Returns the arms that were taken out and are in again; asked of the store, for the lifecycle may be older."""
        if set(out) <= self._out:
            return []
        now = read_lifecycle(self._store, self._experiment).out
        return [arm for arm in out if arm not in now]

    def to_json(self) -> dict[str, Any]:
        """Returns what the comparisons have seen, for status and page: arm → what → evidence and rates."""
        needed = round(self._compared.needed(), 3)
        return {
            arm: {
                name: {
                    "units": bets.units, "bad": bets.bad, "evidence": round(bets.log_evidence, 3), "needed": needed,
                }
                for name, bets in found.items()
            }
            for arm, found in self._compared.books.tests["ever"].items()
        }  # fmt: skip

    def close(self) -> None:
        """Adds what was counted since the last sum."""
        with contextlib.suppress(StoreAwayError):
            self._compared.add_to(self._store, self._readmitted)


class _Removal:
    """The edit that takes an arm out; knows whether it was this one that did it."""

    def __init__(self, arm: str, reason: str, store: Store) -> None:
        self._arm, self._reason, self._store = arm, reason, store
        self.happened = False

    def __call__(self, lifecycle: Lifecycle) -> Lifecycle:
        self.happened = self._arm not in lifecycle.out
        return lifecycle.without(self._arm, self._reason, self._store.now())
