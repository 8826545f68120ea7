"""What the page shows of an experiment, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

Point = Sequence[float | None]
"""``[units, time, estimate, low, high]``: how an interval was at a look."""

IN: Final = "in"
OUT: Final = "out"


@dataclass(frozen=True)
class ArmView:
    """One arm.

    Attributes:
        name: Its name.
        target: Where its requests go, in words.
        control: Whether the others are compared with it.
        state: ``in``, or ``out`` where a guardrail or a person took it out.
        reason: Why it is out.
        share: Its share of new units at present.
        units: Units that were assigned to it.
        counted: Units whose window has closed and that count.
        pending: Units whose window is still open.
        mean: Mean reward of those that count; None without any.
        difference: Mean difference to control; None for control, or before there is one.
        low: Lower end of the interval of the difference.
        high: Upper end of it.
        waiting: Why there is no interval yet.
        history: How the interval narrowed.
    """

    name: str
    target: str
    control: bool
    state: str
    reason: str
    share: float
    units: int
    counted: int
    pending: int
    mean: float | None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    waiting: str = ""
    history: Sequence[Point] = ()


@dataclass(frozen=True)
class Happening:
    """Something that happened.

    Attributes:
        at: When, in seconds since the epoch.
        kind: Such as ``started`` or ``arm_removed``.
        text: What, in one sentence.
        alarm: Whether a person should look at it.
    """

    at: float
    kind: str
    text: str
    alarm: bool


@dataclass(frozen=True)
class TrafficView:
    """Requests over time.

    Attributes:
        step: Seconds of one interval.
        times: The beginning of each interval, in seconds since the epoch.
        counts: Arm → requests in each interval.
    """

    step: float
    times: Sequence[float]
    counts: Mapping[str, Sequence[int]]

    def at(self, arm: str, place: int) -> int:
        """Returns an arm's requests in one interval; an arm that came later has none before."""
        series = self.counts.get(arm, ())
        return series[place] if place < len(series) else 0


@dataclass(frozen=True)
class ExperimentView:
    """One experiment.

    Attributes:
        name: Its name.
        model: The public model name.
        phase: ``draft``, ``running``, ``stopped``, ``promoted`` or ``rolled_back``.
        mode: How traffic is divided, in words.
        unit: What always gets the same arm, in words.
        reward: What is counted and until when, in words; empty without a reward.
        now: When this was read, in seconds since the epoch.
        document: Version of the document.
        action: ``promote``, ``keep``, ``wait`` or ``refuse``; empty before anything can be said.
        sentence: The verdict.
        flip: What would change it.
        warnings: What a reader should know besides.
        confidence: 1 - alpha of the intervals.
        margin: By how much an arm must be better.
        noun: What a unit is called.
        planned: The planned units.
        counted: Units that count so far.
        rate: New units an hour; None if not known.
        arms: The arms, control first.
        traffic: Requests over time; None before there are any.
        happenings: The latest happenings, newest first.
        facts: Further facts: name → text.
    """

    name: str
    model: str
    phase: str
    mode: str
    unit: str
    reward: str
    now: float
    document: str
    action: str
    sentence: str
    flip: str
    warnings: Sequence[str]
    confidence: float
    margin: float
    noun: str
    planned: int
    counted: int
    rate: float | None
    arms: Sequence[ArmView]
    traffic: TrafficView | None = None
    happenings: Sequence[Happening] = ()
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def challengers(self) -> list[ArmView]:
        """The arms that are compared with control."""
        return [arm for arm in self.arms if not arm.control]

    @property
    def alarms(self) -> list[Happening]:
        """The happenings that a person should look at."""
        return [one for one in self.happenings if one.alarm]

    @property
    def tone(self) -> str:
        """``good``, ``bad`` or ``neutral``, for the head of the page."""
        if self.action == "refuse" or any(arm.state == OUT for arm in self.arms):
            return "bad"
        return "good" if self.action == "promote" or self.phase == "promoted" else "neutral"
