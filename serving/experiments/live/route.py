"""The route of a public model name: what a data plane calls for each request. Nothing here waits."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from serving.experiments.assignment.units import hashed, slot_of

if TYPE_CHECKING:
    from serving.experiments.contract import Choice, Outcome, Target
    from serving.experiments.live.arms import Arms

log = logging.getLogger(__name__)

Slots = Sequence["tuple[Arms, str] | None"]
"""For each slot of the layer who assigns its requests, and the slot's arm; None if they take no part."""

_MOST_WAITING: Final = 100_000


class Answers:
    """Answers that wait for the next tick, up to a bound; beyond it they are dropped and counted."""

    def __init__(self, most: int = _MOST_WAITING) -> None:
        self._most = most
        self._answered: deque[tuple[Choice, Outcome]] = deque()
        self._shadowed: deque[tuple[Choice, str, Outcome]] = deque()
        self.dropped = 0
        """Answers that no taker has seen."""
        self.failed = 0
        """Requests that could not be assigned."""

    def answered(self, choice: Choice, outcome: Outcome) -> None:
        """Takes the answer that a client got."""
        if len(self._answered) < self._most:
            self._answered.append((choice, outcome))
        else:
            self.dropped += 1

    def shadowed(self, choice: Choice, arm: str, outcome: Outcome) -> None:
        """Takes the answer of a copy."""
        if len(self._shadowed) < self._most:
            self._shadowed.append((choice, arm, outcome))
        else:
            self.dropped += 1

    def drained(self) -> tuple[list[tuple[Choice, Outcome]], list[tuple[Choice, str, Outcome]]]:
        """Returns what waits now and forgets it; answers that arrive meanwhile wait for the next call."""
        answered = [self._answered.popleft() for _ in range(len(self._answered))]
        shadowed = [self._shadowed.popleft() for _ in range(len(self._shadowed))]
        return answered, shadowed


class LiveRoute:
    """The experiments on one public model name, frozen until the next table or document.

    Args:
        key: The key of the layer's hash.
        slots: Who assigns the requests of each slot.
        unit: Header that holds the unit, and the feature that holds it; at most one of them.
        features: The features that choosing reads; None means none.
        control: The control arm's target.
        hang: Seconds after which a target that has not answered counts as failed.
        otherwise: What requests get whose slot takes no part; None means that they go on unchanged.
        answers: Where answers wait.
    """

    __slots__ = (
        "_answers",
        "_key",
        "_otherwise",
        "_slots",
        "control",
        "features",
        "hang",
        "reads_body",
        "unit_feature",
        "unit_header",
    )

    def __init__(
        self,
        key: bytes,
        slots: Slots,
        unit: tuple[str | None, str | None],
        features: tuple[str, ...] | None,
        control: Target,
        hang: float | None,
        otherwise: Choice | None,
        answers: Answers,
    ) -> None:
        self._key, self._slots, self._otherwise, self._answers = key, slots, otherwise, answers
        header, self.unit_feature = unit
        self.unit_header = header.encode() if header else None
        self.features, self.reads_body = features, features is not None
        self.control, self.hang = control, hang

    def choose(
        self, unit: str | None, request_id: str, body: Callable[[], Mapping[str, object]] | None = None
    ) -> Choice | None:
        """Assigns a request; only memory is read. See ``contract.Route``."""
        digest = hashed(self._key, unit or request_id)
        there = self._slots[slot_of(digest)]
        if there is None:
            return self._otherwise
        arms, arm = there
        try:
            return arms.choose(arm, digest, digest if unit else b"", body)
        except Exception:
            # A request with features that nobody thought of goes on unchanged rather than fail.
            if not self._answers.failed:
                log.exception("A request could not be assigned; it and further ones like it go on unchanged")
            self._answers.failed += 1
            return None

    def answered(self, choice: Choice, outcome: Outcome) -> None:
        """Takes what became of a request."""
        self._answers.answered(choice, outcome)

    def shadowed(self, choice: Choice, arm: str, outcome: Outcome) -> None:
        """Takes the answer of a shadow."""
        self._answers.shadowed(choice, arm, outcome)
