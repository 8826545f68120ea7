"""The circuit breaker: failures in a row and NaN in the last answers, seen within seconds, in this process's memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from foundation.numbers import bound
from serving.experiments.guardrails.failures import Fault

if TYPE_CHECKING:
    from serving.experiments.guardrails.config import GuardrailsConfig

WINDOW: Final = 50
"""Answers over which the share of NaN is taken."""
_ONE_UNIT: Final = 3
"""How many times as long a row must be if all its failures are of one unit: its requests may be what breaks the arm."""


@dataclass(slots=True)
class Record:
    """What the breaker remembers of an arm.

    Attributes:
        row: Failures since the last good answer.
        began: When the first of them ended, in seconds since the epoch.
        units: Their units, as far as two.
        what: What the last of them was, in words.
        good: When the last good answer ended.
        broken: Whether each of the last answers had a NaN or an infinity.
    """

    row: int = 0
    began: float = 0.0
    units: set[bytes] = field(default_factory=set)
    what: str = ""
    good: float = float("-inf")
    broken: deque[bool] = field(default_factory=lambda: deque(maxlen=WINDOW))


class Breaker:
    """Watches the answers of one experiment's arms, control among them.

    An arm trips if it failed so often in a row, or if more than the allowed share of the last 50 answers was broken. It does
    not trip while control fails as well: since the row began control has failed and has not answered once, so the
    cause is not the arm. Nor do the failures of a single unit trip it before there are three times as many.

    Args:
        config: What is allowed.
        control: The name of control.
    """

    def __init__(self, config: GuardrailsConfig, control: str) -> None:
        self._config, self._control = config, control
        self._records: dict[str, Record] = {}

    def take(self, arm: str, unit: bytes, ended: float, found: Fault, what: str, broken: bool | None) -> None:
        """Takes an answer.

        Args:
            arm: Whose.
            unit: The unit's hash; empty if requests are assigned by themselves.
            ended: When it ended, in seconds since the epoch.
            found: Whose fault it is.
            what: What happened, in words: the code, or that it hung.
            broken: Whether it has a NaN or an infinity; None if it was not looked at.
        """
        record = self._records.setdefault(arm, Record())
        if broken is not None:
            record.broken.append(broken)
        if found is Fault.NONE:
            record.row, record.good = 0, max(record.good, ended)
            record.units.clear()
        elif found is Fault.ARM:
            record.began = record.began if record.row else ended
            record.row, record.what = record.row + 1, what
            if len(record.units) < 2:
                record.units.add(unit)

    def reason(self, arm: str) -> str:
        """Returns why an arm is to be taken out, or control to be looked at; empty if nothing is wrong."""
        record = self._records.get(arm, Record())
        return self._failing(record, arm != self._control) or self._broken(record, arm != self._control)

    def _failing(self, record: Record, challenger: bool) -> str:
        most = self._config.failures_in_a_row
        if most is None or record.row < most:
            return ""
        if record.units != {b""} and len(record.units) < 2 and record.row < _ONE_UNIT * most:
            return ""
        control = self._records.get(self._control, Record())
        if challenger and control.row and control.good < record.began:
            return ""
        return f"{record.row} failures in a row, the last: {record.what}"

    def _broken(self, record: Record, challenger: bool) -> str:
        most = self._config.nan_share
        if most is None or not self._too_many(record):
            return ""
        if challenger and self._too_many(self._records.get(self._control, Record())):
            return ""
        count = sum(record.broken)
        return f"{count} of the last {len(record.broken)} answers with NaN or infinity, more than {bound(most)} of {WINDOW}"

    def _too_many(self, record: Record) -> bool:
        return sum(record.broken) > (self._config.nan_share or 0.0) * WINDOW

    def forget(self, arm: str) -> None:
        """Forgets an arm: it is out, or comes back."""
        self._records.pop(arm, None)


def finite(outputs: Callable[[], object]) -> bool:
    """Returns whether all numbers of an answer are finite; an answer that cannot be read has none that are not."""
    try:
        return _finite(outputs())
    except Exception:  # noqa: BLE001 - an answer of any shape must not stop the watch
        return True


def _finite(value: object) -> bool:
    if isinstance(value, float):
        return value - value == 0
    if isinstance(value, dict):
        return all(map(_finite, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(_finite, value))
    return True
