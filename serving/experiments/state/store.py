"""The state of experiments behind one small interface: versioned documents, exposures, rewards, events."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from foundation.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Document = dict[str, Any]
"""A versioned document of the state, as plain JSON."""


class StoreAwayError(StorageError):
    """The store does not answer at present: a database is away, a file is locked for long, a disk is full."""


class Status(StrEnum):
    """What became of a reported reward."""

    ACCEPTED = "accepted"
    """It counts."""
    REPEATED = "repeated"
    """The same value was reported before; it counts once."""
    REPLACED = "replaced"
    """Another value was reported before; the last counts, as declared."""
    CONFLICTING = "conflicting"
    """Another value was reported before; the first counts, as declared."""
    UNKNOWN = "unknown"
    """The experiment never saw the unit or request, or has forgotten it."""
    LATE = "late"
    """The unit's window is closed."""
    REFUSED = "refused"
    """It is not what the experiment declares: another metric, or a value of another type."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the store must know of an experiment to take its exposures and rewards.

    Attributes:
        metric: Name of the reward; empty means that there is none.
        window: Seconds from a unit's first exposure until its reward must have arrived.
        repeated: ``first`` or ``last``: which value counts if several are reported.
        most_units: The most units that are remembered at a time.
    """

    metric: str
    window: float
    repeated: str = "first"
    most_units: int = 5_000_000


@dataclass(frozen=True, slots=True)
class Exposure:
    """A request that an arm answered; the first of a unit is what counts.

    Attributes:
        experiment: The experiment's name.
        key: The unit's hash as hex digits; the request's id if the request is a unit of its own.
        request_id: The request's id.
        arm: The arm.
        propensity: The arm's probability when the unit was assigned.
        table: The version of the slot table.
        epoch: The epoch of the assignment; a unit is exposed once in each. 0 where there are none.
        propensities: The probability of every arm when the unit was assigned; empty if not known.
        covariate: The score that the comparison is adjusted by; None if there is none.
        context: The numbers that a contextual mode learns from; None where one is missing.
    """

    experiment: str
    key: str
    request_id: str
    arm: str
    propensity: float
    table: int = 0
    epoch: int = 0
    propensities: Mapping[str, float] = field(default_factory=dict)
    covariate: float | None = None
    context: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Reward:
    """A reported reward, by request id or by unit.

    Attributes:
        experiment: The experiment's name.
        metric: Name of the reward.
        value: Its value: finite.
        request_id: The id of a request of the unit; empty if the unit is named.
        key: The unit's hash as hex digits; empty if the request is named.
    """

    experiment: str
    metric: str
    value: float
    request_id: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a reported reward.

    Attributes:
        status: The answer.
        experiment: The experiment's name.
        value: The value that counts now; None if none does.
    """

    status: Status
    experiment: str
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Matured:
    """A unit whose window is closed.

    Attributes:
        key: The unit's hash, or the request's id.
        arm: The arm that it was assigned to.
        propensity: The arm's probability when it was assigned.
        propensities: The probability of every arm then; empty if not known.
        table: The version of the slot table then.
        epoch: The epoch of the assignment.
        at: When it was first exposed, by the store's clock, in seconds since the epoch.
        covariate: The score that the comparison is adjusted by; None if there is none.
        reward: Its reward; None if none arrived in time.
        context: The numbers that a contextual mode learns from; empty if there are none.
    """

    key: str
    arm: str
    propensity: float
    propensities: Mapping[str, float]
    table: int
    epoch: int
    at: float
    covariate: float | None
    reward: float | None
    context: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Assigned:
    """A unit at its first exposure.

    Attributes:
        key: The unit's hash as hex digits, or the request's id.
        arm: The arm that it was assigned to.
        propensity: The arm's probability then.
        propensities: The probability of every arm then; empty if not known.
        table: The version of the slot table then.
        epoch: The epoch of the assignment.
        at: When, by the store's clock, in seconds since the epoch.
        single: Whether it is a request without a unit.
    """

    key: str
    arm: str
    propensity: float
    propensities: Mapping[str, float]
    table: int
    epoch: int
    at: float
    single: bool = False


@dataclass(frozen=True, slots=True)
class Counts:
    """The units of an arm.

    Attributes:
        units: Units that were exposed.
        closed: Those whose window is closed.
        rewarded: Those with a reward in time.
    """

    units: int = 0
    closed: int = 0
    rewarded: int = 0

    @property
    def pending(self) -> int:
        """Units whose window is still open."""
        return self.units - self.closed


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to an experiment.

    Attributes:
        number: Its place in the sequence of all events.
        experiment: The experiment's name.
        at: When, by the store's clock, in seconds since the epoch.
        kind: Such as ``started``, ``ramped``, ``arm_removed``.
        text: What happened, in one sentence.
        detail: The same for programs.
    """

    number: int
    experiment: str
    at: float
    kind: str
    text: str
    detail: Mapping[str, Any]


class Store(ABC):
    """The state of experiments. Every method may block and may be called from any thread.

    Every method raises ``StoreAwayError`` if the store does not answer; what was to be written is then not written, and
    the call may be repeated: all of them are idempotent but ``event``.
    """

    @abstractmethod
    def now(self) -> float:
        """Returns the store's clock in seconds since the epoch; it never runs backwards and decides for all replicas."""

    @abstractmethod
    def ahead(self) -> float:
        """Returns for how many seconds the store's clock stands still, because it was once ahead; 0 if it runs."""

    @abstractmethod
    def read(self, key: str) -> tuple[int, Document] | None:
        """Returns a document's version and value; None if there is none."""

    @abstractmethod
    def write(self, key: str, value: Document, expected: int) -> bool:
        """Writes a document if its version is still the expected one, and gives it the next.

        Args:
            key: Such as ``table/default`` or ``allocation/EXPERIMENT``.
            value: Plain JSON.
            expected: The version that was read; 0 means that there is none yet.

        Returns:
            Whether it was written; if not, another process was faster.
        """

    @abstractmethod
    def declare(self, experiment: str, rules: Rules) -> None:
        """States how an experiment's exposures and rewards are taken; the latest statement holds for all replicas."""

    @abstractmethod
    def declared(self) -> dict[str, Rules]:
        """Returns the rules of all experiments by name."""

    @abstractmethod
    def expose(self, batch: Sequence[Exposure]) -> None:
        """Records units that were exposed; of a unit's exposures in an epoch only the first counts.

        Exposures of experiments that are not declared, and those beyond ``most_units``, are counted and left out.
        """

    @abstractmethod
    def reward(self, batch: Sequence[Reward], *, again: bool = False) -> list[Receipt]:
        """Records rewards, each once; returns after they are safe on disk, with one receipt for each.

        Args:
            batch: The rewards, in the order in which they were reported.
            again: Whether unknown ones will be tried again, so that they are not counted as unknown yet.
        """

    @abstractmethod
    def assigned(self, experiment: str, cursor: int, limit: int = 1000) -> tuple[list[Assigned], int]:
        """Returns units after a cursor in the order of their first exposure, which never changes.

        So replicas learn which arms the others' units have, and the arms' shares are tested as soon as units are assigned.

        Args:
            experiment: The experiment's name.
            cursor: The cursor of the call before; 0 begins.
            limit: The most units to return.

        Returns:
            The units, and the cursor of the next call.
        """

    @abstractmethod
    def matured(self, experiment: str, cursor: int, limit: int = 1000) -> tuple[list[Matured], int]:
        """Returns the units whose window has closed, after a cursor, in an order that never changes.

        A unit's reward cannot change any more once it is returned here. Whoever evaluates the units keeps the cursor in
        the same document as the result, written by compare-and-swap, so that each unit counts once.

        Args:
            experiment: The experiment's name.
            cursor: The cursor of the call before; 0 begins.
            limit: The most units to return.

        Returns:
            The units, and the cursor of the next call.
        """

    @abstractmethod
    def closed_since(self, experiment: str, moment: float) -> Counts:
        """Returns how many windows have closed after a moment, and how many of these units have a reward; prune takes some away.

        Args:
            experiment: The experiment's name.
            moment: Seconds since the epoch, by the store's clock.
        """

    @abstractmethod
    def pending(self, experiment: str) -> dict[str, Counts]:
        """Returns the number of units by arm."""

    @abstractmethod
    def counters(self, experiment: str) -> dict[str, int]:
        """Returns how often things happened.

        Among them ``accepted``, ``repeated``, ``replaced``, ``conflicting``, ``unknown``, ``late`` and ``refused`` rewards,
        ``units_beyond_limit``, ``requests_beyond_limit``, ``undeclared`` exposures, and ``units_switched``: units that
        came back with another arm in the same epoch, after a ramp or because an arm was taken out; their first counts.
        """

    @abstractmethod
    def prune(self, experiment: str, cursor: int, keep: float) -> int:
        """Forgets what is not needed any more.

        Units that are requests are removed; others lose their request ids only, because a unit that comes back must not
        count again.

        Args:
            experiment: The experiment's name.
            cursor: Up to where the units were evaluated: none behind it is touched.
            keep: Seconds to keep them after their window closed, so that late rewards get a clear answer.

        Returns:
            The number of rows removed.
        """

    @abstractmethod
    def event(self, experiment: str, kind: str, text: str, detail: Mapping[str, Any] | None = None) -> None:
        """Records that something happened."""

    @abstractmethod
    def events(self, experiment: str | None = None, after: int = 0, limit: int = 100) -> list[Event]:
        """Returns the latest events, oldest first.

        Args:
            experiment: Only those of this experiment; None means all.
            after: Only those with a larger number.
            limit: The most to return.
        """

    @abstractmethod
    def close(self) -> None:
        """Closes the store."""
