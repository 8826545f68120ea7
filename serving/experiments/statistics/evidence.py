"""All that an experiment has shown so far, unit by unit; plain JSON, so that a restart continues with the same numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

from serving.experiments.statistics.arm_mean import ArmMean
from serving.experiments.statistics.comparison import Comparison
from serving.experiments.statistics.design import LARGEST
from serving.experiments.statistics.first_look import waiting
from serving.experiments.statistics.history import POINTS, History
from serving.experiments.statistics.interval import Interval
from serving.experiments.statistics.rates import RateDifference
from serving.experiments.statistics.srm import SampleRatio

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from serving.experiments.state.store import Assigned, Matured
    from serving.experiments.statistics.design import Design

FORMAT = 1
"""Version of the stored shape."""


@dataclass
class Evidence:
    """Shares, mean rewards and comparisons of an experiment.

    Attributes:
        design: What is compared.
        assigned: Whether units were assigned with the intended shares, as soon as they are.
        joined: Whether rewards arrived with the intended shares.
        means: Mean reward of each arm.
        missing: Units of each arm whose window closed without a reward.
        comparisons: Each arm against control.
        histories: How each interval narrowed.
        arrivals: Points ``[units assigned, time]``.
        closed: Units whose window closed.
        latest: When the last of them was assigned, in seconds since the epoch.
        beyond: Rewards that are too large to count.
        cursor: The cursor of ``Store.assigned`` up to which units are in ``assigned``.
    """

    design: Design
    assigned: SampleRatio = field(init=False)
    joined: SampleRatio = field(init=False)
    means: dict[str, ArmMean] = field(init=False)
    missing: dict[str, int] = field(init=False)
    comparisons: dict[str, Comparison] = field(init=False)
    histories: dict[str, History] = field(init=False)
    arrivals: History = field(default_factory=History)
    closed: int = 0
    latest: float = 0.0
    beyond: int = 0
    cursor: int = 0

    def __post_init__(self) -> None:
        """Begins with nothing."""
        design = self.design
        self.assigned, self.joined = SampleRatio(design.arms), SampleRatio(design.arms)
        self.means = {arm: ArmMean() for arm in design.arms}
        self.missing = dict.fromkeys(design.arms, 0)
        self.comparisons = {arm: Comparison(arm, design.control) for arm in design.challengers}
        step = 1 << max(0, (design.planned.units // POINTS).bit_length() - 1)
        self.histories = {arm: History(step=step) for arm in design.challengers}

    def assign(self, rows: Sequence[Assigned]) -> None:
        """Takes units at their first exposure, each once, in the order of ``Store.assigned``."""
        for key, group in groupby(rows, key=lambda row: (row.arm in self.means, self._shares(row))):
            (ours, (shares, known)), counts = key, Counter(row.arm for row in group)
            if ours and known:
                self.assigned.add(counts, shares)
        if rows:
            if not self.arrivals.points:
                self.arrivals.add([0, rows[0].at])
            self.arrivals.add([self.assigned.units, rows[-1].at])

    def take(self, rows: Sequence[Matured]) -> None:
        """Takes units whose window has closed, in the order of closing; each once."""
        for row in rows:
            if row.arm in self.means:
                self._take(row)

    def _take(self, row: Matured) -> None:
        shares, known = self._shares(row)
        self.closed, self.latest = self.closed + 1, max(self.latest, row.at)
        if row.reward is None:
            self.missing[row.arm] += 1
        elif known:
            self.joined.add({row.arm: 1}, shares)
        value, score = self.design.counted(row.reward), row.covariate
        if value is None:
            self.beyond += row.reward is not None
            return
        if score is not None and not -LARGEST <= score <= LARGEST:
            score = None
        for comparison in self.comparisons.values():
            comparison.add(row.arm, value, shares, score, self.means)
        self.means[row.arm].add(value, score)
        for arm, comparison in self.comparisons.items():
            if not comparison.r and not self._waiting(arm):
                comparison.tune(self.design)
            self._remember(arm, row.at + self.design.window)

    def _shares(self, row: Matured | Assigned) -> tuple[Mapping[str, float], bool]:
        """Returns the shares that a unit was assigned with, and whether they are known of all arms."""
        if sum(row.propensities.get(arm, 0.0) for arm in self.design.arms) > 0.5:
            return row.propensities, True
        others = [arm for arm in self.design.arms if arm != row.arm]
        rest = (1.0 - row.propensity) / max(1, len(others))
        return {row.arm: row.propensity, **dict.fromkeys(others, rest)}, len(others) == 1

    def _waiting(self, arm: str) -> str:
        design, control = self.design, self.design.control
        return waiting(
            self.comparisons[arm], self.means[arm], self.means[control], design.binary, design.planned.minimum
        )

    def _remember(self, arm: str, at: float) -> None:
        units, history = self.comparisons[arm].pseudo.count, self.histories[arm]
        if units and history.due(units) and (not history.points or history.points[-1][0] != units):
            seen = self.interval(arm)
            history.add([units, at, seen.estimate, seen.low, seen.high])

    def interval(self, arm: str) -> Interval:
        """Returns the interval of the difference between an arm and control, arm less control."""
        planned = self.design.planned
        if self.design.binary and planned.interval == "exact":
            return self.rates(arm).interval(self.design.alpha)
        sides = 2 if planned.sides == "two" else 1
        return self.comparisons[arm].interval(self.design.alpha, sides, self._waiting(arm))

    def rates(self, arm: str) -> RateDifference:
        """Returns the counts of an arm and control, for rewards of 0 and 1."""
        rates = RateDifference()
        for challenger, name in enumerate((self.design.control, arm)):
            values = self.means[name].values
            rates.add(bool(challenger), round(values.mean * values.count), values.count)
        return rates

    def units(self) -> int:
        """Returns the units that count in some arm."""
        return sum(mean.values.count for mean in self.means.values())

    def mismatch(self) -> str:
        """Returns what is wrong with the arms' shares, in one sentence; empty if nothing is.

        Where a missing reward is a failure, the arms' shares of the rewards are the outcome itself and are not tested.
        """
        alpha, noun = self.design.planned.mismatch_alpha, f"{self.design.noun}s"
        at_reward = "" if self.design.missing_fails else self.joined.alarm(alpha, noun, "with a reward")
        return self.assigned.alarm(alpha, noun, "assigned") or at_reward

    def rate(self, now: float | None = None) -> float | None:
        """Returns the units assigned per hour over the later half of the time so far; None if it cannot be said.

        Args:
            now: The time, in seconds since the epoch; None means when the last unit came.
        """
        points = [(float(units or 0), float(at or 0)) for units, at, *_ in self.arrivals.points]
        if len(points) < 2:
            return None
        began, until = points[0][1], max(points[-1][1], now or 0.0)
        units, since = max((p for p in points if p[1] <= (began + until) / 2), key=lambda point: point[1])
        return (points[-1][0] - units) / (until - since) * 3600 if until > since else None

    def to_json(self) -> dict[str, Any]:
        """Returns the state as plain JSON."""
        return {
            "format": FORMAT,
            "assigned": self.assigned.to_json(),
            "joined": self.joined.to_json(),
            "means": {arm: mean.to_json() for arm, mean in self.means.items()},
            "missing": dict(self.missing),
            "comparisons": {arm: comparison.to_json() for arm, comparison in self.comparisons.items()},
            "histories": {arm: history.to_json() for arm, history in self.histories.items()},
            "arrivals": self.arrivals.to_json(),
            "closed": self.closed,
            "latest": self.latest,
            "beyond": self.beyond,
            "cursor": self.cursor,
        }

    @classmethod
    def from_json(cls, design: Design, value: Mapping[str, Any] | None) -> Evidence:
        """Returns what ``to_json`` gave, exactly; arms that are new begin with nothing, and those that are gone are left out.

        Args:
            design: The experiment as it is now.
            value: The stored state; None or empty begins with nothing.
        """
        evidence = cls(design)
        if not value:
            return evidence
        evidence.assigned = SampleRatio.from_json(design.arms, value["assigned"])
        evidence.joined = SampleRatio.from_json(design.arms, value["joined"])
        stored = {arm: Comparison.from_json(c) for arm, c in value["comparisons"].items()}
        for arm in design.arms:
            if arm in value["means"]:
                evidence.means[arm] = ArmMean.from_json(value["means"][arm])
                evidence.missing[arm] = int(value["missing"][arm])
            if arm in stored and stored[arm].control == design.control:
                evidence.comparisons[arm] = stored[arm]
                evidence.histories[arm] = History.from_json(value["histories"][arm])
        evidence.arrivals = History.from_json(value["arrivals"])
        evidence.closed, evidence.latest = int(value["closed"]), float(value["latest"])
        evidence.beyond, evidence.cursor = int(value["beyond"]), int(value["cursor"])
        return evidence
