"""One experiment's allocation: what its arms have earned, and the shares that are frozen for the interval."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from serving.experiments.modes.mode import ArmRewards, ContextualMode, Mode, interval_rng
from serving.experiments.modes.registry import MODES

if TYPE_CHECKING:
    from serving.experiments.modes.config import ModeConfig

Row = tuple[str, float, Sequence[float | None]]
"""A unit whose window has closed: its arm, what it counts with, and its context (empty without a contextual mode)."""


_LARGEST = 1e100
"""A reward beyond this is left out: its square would not be a number."""
_FADED = 1e-6
"""An arm with fewer units than this is as one that was never tried."""


class Allocator:
    """Learns from units whose window has closed, and computes the shares of one interval after the other.

    Its state is plain JSON and belongs into the same document as the cursor of the units it has learned from, written by
    compare-and-swap: then each unit counts once, and all replicas have the same shares. What is computed depends on the
    state, the interval's number and the document alone.

    Args:
        config: The mode's settings.
        weights: Arm → share at the start, in the document's order.
        control: The name of control.
        binary: Whether rewards are 0 or 1.
    """

    def __init__(
        self, config: ModeConfig, weights: Mapping[str, float], control: str, *, binary: bool = True
    ) -> None:
        self.config, self.control = config, control
        self.mode: Mode = MODES[config.type](config, control, binary=binary)
        self.interval = -1
        """The number of the interval that ``probabilities`` are for; -1 before the first."""
        self.probabilities: dict[str, float] = {}
        """Arm → share in this interval; empty before the first."""
        self._weights = dict(weights)
        self._sums: dict[str, list[float]] = {}
        self._pending: dict[str, int] = {}

    def interval_at(self, now: float) -> int:
        """Returns the number of the interval that a time lies in, by the store's clock in seconds since the epoch."""
        return math.floor(now / self.config.every)

    def learn(self, rows: Iterable[Row]) -> None:
        """Takes units whose window has closed; they count from the next interval on.

        Numbers that are not finite, or beyond 1e100, are left out.
        """
        for arm, value, context in rows:
            if not -_LARGEST <= value <= _LARGEST:  # NaN is not in between
                continue
            sums = self._sums.setdefault(arm, [0.0, 0.0, 0.0])
            sums[0] += 1
            sums[1] += value
            sums[2] += value * value
            if isinstance(self.mode, ContextualMode) and context:
                self.mode.learn(arm, context, value)

    def advance(
        self, interval: int, arms: Sequence[str] | None = None, pending: Mapping[str, int] | None = None
    ) -> dict[str, float]:
        """Begins an interval, unless it has begun; returns its shares.

        Args:
            interval: Its number, from ``interval_at``.
            arms: The arms that take part, with control; None means all of the document. An arm that is missing leaves its
                share to control and keeps what it earned; one that is new or comes back begins at its floor.
            pending: Arm → units whose window is open, to be shown.
        """
        present = [arm for arm in self._weights if arms is None or arm in arms]
        if interval <= self.interval and set(present) == set(self.probabilities):
            return dict(self.probabilities)
        if interval > self.interval >= 0:
            self._fade(interval - self.interval)
        self._pending = dict(pending or {})
        before = self.probabilities or self._weights
        current = [before.get(arm, 0.0) for arm in present]
        # Control has answered the units of an arm that left meanwhile: from there the step is counted.
        gone = math.fsum(share for arm, share in before.items() if arm not in present)
        current[present.index(self.control)] += gone
        rewards = [self.rewards(arm) for arm in present]
        self.interval = max(interval, self.interval)
        shares = self.mode.allocate(rewards, current, interval_rng(self.config.seed, max(self.interval, 0)))
        self.probabilities = dict(zip(present, shares, strict=True))
        return dict(self.probabilities)

    def rewards(self, arm: str) -> ArmRewards:
        """Returns what an arm has earned."""
        units, total, squares = self._sums.get(arm, (0.0, 0.0, 0.0))
        return ArmRewards(arm, units, total, squares, self._pending.get(arm, 0))

    def _fade(self, intervals: int) -> None:
        if self.config.half_life:
            kept = 0.5 ** (intervals * self.config.every / self.config.half_life)
            faded = {arm: [kept * value for value in sums] for arm, sums in self._sums.items()}
            self._sums = {arm: sums for arm, sums in faded.items() if sums[0] >= _FADED}

    def to_json(self) -> dict[str, Any]:
        """Returns the whole state as plain JSON."""
        return {
            "mode": self.config.type,
            "interval": self.interval,
            "probabilities": self.probabilities,
            "sums": {arm: list(sums) for arm, sums in self._sums.items()},
            "pending": self._pending,
            "learned": self.mode.to_json(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes back what ``to_json`` returned; everything goes on exactly as before.

        If the document meanwhile names another mode, the sums of rewards and the shares stay, and what the other mode
        learned beyond them is dropped. Features that changed make a contextual mode begin anew.
        """
        self.interval = int(state.get("interval", -1))
        self.probabilities = dict(state.get("probabilities", {}))
        self._sums = {arm: list(sums) for arm, sums in state.get("sums", {}).items()}
        self._pending = dict(state.get("pending", {}))
        if state.get("mode") == self.config.type:
            self.mode.restore(state.get("learned", {}))
