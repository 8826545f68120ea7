"""From a unit to a choice: one class for each way to assign, all frozen until the next table or document."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from serving.experiments.assignment.memory import Assignment, Memory
from serving.experiments.assignment.units import point_of
from serving.experiments.contract import Choice, Target

if TYPE_CHECKING:
    from serving.experiments.modes.mode import ContextualMode

Body = Callable[[], Mapping[str, object]]


class Bystander(Choice):
    """A choice that is answered but not part of the experiment's results."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Served:
    """What all ways to assign know of an experiment.

    Attributes:
        experiment: Its name.
        document: The document's version.
        control: The control arm.
        targets: Arm → where its requests go.
        fallback: Where to ask again if an arm other than control fails.
        out: Arms that are taken out: control answers their units.
        table: The version of the slot table.
    """

    experiment: str
    document: str
    control: str
    targets: Mapping[str, Target]
    fallback: Target | None
    out: frozenset[str]
    table: int

    def choice(
        self,
        given: Assignment,
        unit: bytes,
        kind: type[Choice] = Choice,
        shadows: tuple[tuple[str, Target], ...] = (),
        context: tuple[float | None, ...] = (),
    ) -> Choice:
        """Returns the choice of an arm that is in."""
        arm = given.arm
        return kind(
            self.experiment,
            arm,
            self.targets[arm],
            given.propensity,
            unit,
            self.document,
            given.table,
            None if arm == self.control else self.fallback,
            shadows,
            given.probabilities,
            context,
            given.epoch,
        )

    def without_the_removed(self, shares: Mapping[str, float]) -> dict[str, float]:
        """Returns shares in which control has those of the arms that are taken out; they sum to 1."""
        kept = {arm: 0.0 if arm in self.out else share for arm, share in shares.items()}
        kept[self.control] = kept.get(self.control, 0.0) + sum(
            share for arm, share in shares.items() if arm in self.out
        )
        total = sum(kept.values())
        return {arm: share / total for arm, share in kept.items()} if total else {self.control: 1.0}

    def assignments(self, shares: Mapping[str, float], epoch: int = 0) -> dict[str, Assignment]:
        """Returns arm → what a unit gets that falls to it; for an arm that is taken out, control's."""
        kept = self.without_the_removed(shares)
        probabilities = tuple(kept.items())
        return {
            arm: Assignment(served, kept[served], probabilities, self.table, epoch)
            for arm in {*shares, self.control}
            for served in (self.control if arm in self.out else arm,)
        }


class Arms(ABC):
    """One way to assign the requests of an experiment.

    Args:
        served: What all ways know.
    """

    reads_body = False

    def __init__(self, served: Served) -> None:
        self.served = served

    @abstractmethod
    def choose(self, arm: str, digest: bytes, unit: bytes, body: Body | None) -> Choice:
        """Assigns a request.

        Args:
            arm: The arm of its slot; empty if slots only say that it takes part.
            digest: The hash of its unit or, without one, of its id.
            unit: The hash of its unit; empty if it has none.
            body: Decodes its features.
        """


class TableArms(Arms):
    """The slot decides.

    Args:
        served: What all ways know.
        shares: Arm → its share of the experiment's slots.
    """

    def __init__(self, served: Served, shares: Mapping[str, float]) -> None:
        super().__init__(served)
        self.shares = dict(shares)
        self._given = served.assignments(shares)

    def choose(self, arm: str, digest: bytes, unit: bytes, body: Body | None) -> Choice:
        """Assigns by slot."""
        return self.served.choice(self._given[arm], unit)


class StickyArms(TableArms):
    """The slot decides for new units; others keep their first arm.

    Args:
        served: What all ways know.
        shares: Arm → its share of the experiment's slots.
        memory: The units that are known.
    """

    def __init__(self, served: Served, shares: Mapping[str, float], memory: Memory) -> None:
        super().__init__(served, shares)
        self._memory = memory

    def choose(self, arm: str, digest: bytes, unit: bytes, body: Body | None) -> Choice:
        """Assigns by memory, else by slot."""
        if not unit:
            return self.served.choice(self._given[arm], unit)
        given = self._memory.get(unit)
        if given is None or given.arm not in self.served.targets:
            given = self._given[arm]
            if self._memory.full:
                return self.served.choice(self._given[self.served.control], unit, Bystander)
            self._memory.add(unit, given)
        elif given.arm in self.served.out:
            given = self._given[given.arm]
        return self.served.choice(given, unit)


class EpochArms(Arms):
    """A hash salted by the epoch decides: every unit is drawn anew in each.

    Args:
        served: What all ways know.
        shares: Arm → its share in this epoch.
        epoch: The epoch's number.
    """

    def __init__(self, served: Served, shares: Mapping[str, float], epoch: int) -> None:
        super().__init__(served)
        self.shares, self._epoch = dict(shares), epoch
        self._given = served.assignments(shares, epoch)
        self._names, self._ends = list(shares), list(accumulate(shares.values()))

    def choose(self, arm: str, digest: bytes, unit: bytes, body: Body | None) -> Choice:
        """Assigns by the epoch's draw."""
        drawn = _drawn(digest, self.served.experiment, self._epoch, self._names, self._ends)
        return self.served.choice(self._given[drawn], unit)


class ContextArms(Arms):
    """The request's features decide, by probabilities that are frozen for an interval.

    Args:
        served: What all ways know.
        mode: The contextual mode with its frozen parameters.
        shares: Arm → its mean share, for what is shown.
        epoch: The epoch's number; 0 where there are none.
        memory: The units that are known; None if a unit is drawn anew in each epoch.
    """

    reads_body = True

    def __init__(
        self,
        served: Served,
        mode: ContextualMode,
        shares: Mapping[str, float],
        epoch: int,
        memory: Memory | None,
    ) -> None:
        super().__init__(served)
        self.shares, self._mode, self._epoch, self._memory = dict(shares), mode, epoch, memory
        self._names = [arm for arm in shares if arm not in served.out]
        self._removed = served.assignments({served.control: 1.0})[served.control]
        mode.probabilities(
            mode.context({}), self._names
        )  # the first call imports NumPy: not on the event loop

    def choose(self, arm: str, digest: bytes, unit: bytes, body: Body | None) -> Choice:
        """Assigns by the context, or by memory."""
        memory = self._memory if unit else None
        known = memory.get(unit) if memory is not None else None
        if known is not None and known.arm in self.served.targets:
            return self.served.choice(self._removed if known.arm in self.served.out else known, unit)
        context = self._mode.context(body() if body is not None else {})
        probabilities = self._mode.probabilities(context, self._names)
        drawn = _drawn(
            digest, self.served.experiment, self._epoch, self._names, list(accumulate(probabilities))
        )
        pairs = tuple(zip(self._names, probabilities, strict=True))
        given = Assignment(drawn, dict(pairs)[drawn], pairs, self.served.table, self._epoch)
        if memory is not None:
            if memory.full:
                return self.served.choice(self._removed, unit, Bystander)
            memory.add(unit, given)
        return self.served.choice(given, unit, context=tuple(context))


class ShadowArms(Arms):
    """Control answers; the other arms get copies of a share of the requests.

    Args:
        served: What all ways know.
        copies: The share of requests that are copied.
    """

    def __init__(self, served: Served, copies: float) -> None:
        super().__init__(served)
        self.shares = {served.control: 1.0}
        self._copies = copies
        self._given = served.assignments(self.shares)[served.control]
        self._shadows = tuple(
            (arm, target)
            for arm, target in served.targets.items()
            if arm != served.control and arm not in served.out
        )

    def choose(self, arm: str, digest: bytes, unit: bytes, body: Body | None) -> Choice:
        """Assigns control; the request's hash says whether it is copied."""
        copied = self._copies >= 1 or point_of(digest, self.served.experiment, 0) < self._copies
        return self.served.choice(self._given, unit, shadows=self._shadows if copied else ())


def _drawn(digest: bytes, experiment: str, epoch: int, names: Sequence[str], ends: Sequence[float]) -> str:
    """Returns the arm whose stretch of [0, 1) holds the digest's point."""
    point = point_of(digest, experiment, epoch) * ends[-1]
    for name, end in zip(names, ends, strict=True):
        if point < end:
            return name
    return names[-1]
