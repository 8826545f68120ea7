"""Keeps a process and the store in step: document, lives, slot tables, allocations, results and known units."""

from __future__ import annotations

import logging
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from foundation.errors import DataError
from serving.experiments.assignment.layer import LayerState
from serving.experiments.assignment.memory import Assignment
from serving.experiments.assignment.table import SlotTable
from serving.experiments.live.arms import Bystander
from serving.experiments.live.authority import Authority
from serving.experiments.live.compile import Compiler
from serving.experiments.live.plan import Kind, World, kind_of, redraws
from serving.experiments.live.ramps import Ramps
from serving.experiments.live.results import Results, all_steps
from serving.experiments.state.lifecycle import Lifecycle, Phase, read_lifecycle, table_key
from serving.experiments.state.open import rules_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from serving.experiments.assignment.memory import Memory
    from serving.experiments.contract import Choice, Outcome
    from serving.experiments.document.models import ExperimentsDocument
    from serving.experiments.live.follow import Followed
    from serving.experiments.live.guards import Guards
    from serving.experiments.live.journal import Journal
    from serving.experiments.live.route import Answers, LiveRoute
    from serving.experiments.state.store import Assigned, Store

log = logging.getLogger(__name__)

LEAD: Final = 1.5
"""Seconds from the decision that units move until they do, so that all replicas know of it before."""
_PAGE: Final = 5000
_PRUNE_EVERY: Final = 60.0
_DECLARE_EVERY: Final = 30.0
_MANY: Final = 500
"""Slots that move at once from which on the log says so: modes that learn move a few at each interval."""
_KEEP: Final = 7 * 86400.0
"""Seconds that late rewards get a clear answer after their window closed."""


@dataclass(frozen=True)
class Routes:
    """Routes, and those that take over from them at a time.

    Attributes:
        now: Public model → its route.
        then: The routes that come next; None if nothing is about to change.
        at: When they come, by this process's monotonic clock.
    """

    now: Mapping[str, LiveRoute]
    then: Mapping[str, LiveRoute] | None = None
    at: float = 0.0


class Keeper:
    """Reads and writes the shared state; everything here may wait for the store.

    Args:
        followed: The document.
        store: The state.
        answers: Where the routes put answers.
        most_units: The most units of an experiment that are remembered.
        guards: The guardrails of all experiments; None watches nothing.
        journal: Where new units are written first; None keeps them in memory only.
        lead: Seconds from a decision until it holds.
    """

    def __init__(
        self,
        followed: Followed,
        store: Store,
        answers: Answers,
        most_units: int,
        guards: Guards | None = None,
        journal: Journal | None = None,
        lead: float = LEAD,
    ) -> None:
        self._guards, self._journal, self._answers = guards, journal, answers
        self.followed, self._store, self._lead = followed, store, lead
        self.memories: dict[str, Memory] = {}
        self._compiler = Compiler(answers, self.memories, most_units, journal)
        self._ramps = Ramps(store)
        self._authority = Authority(store)
        self._layers: dict[str, tuple[int, LayerState]] = {}
        self._learned: dict[str, int] = {}
        self._pruned: dict[str, float] = {}
        self._compiled: object = None
        self._declared = (("", False), 0.0)
        self.world = World(followed.document)
        self.results: dict[str, Results] = {}
        self.routes = Routes({})
        self.leads = False
        self.troubles: dict[str, str] = {}
        """What does not work at present: subject → what is wrong."""
        self.beyond: Counter[str] = Counter()
        """Experiment → requests of units beyond the limit."""
        self.without_unit: Counter[str] = Counter()
        """Experiment → requests that were assigned by themselves because their unit was missing."""
        self.failing: Mapping[str, str] = {}
        """Parts of the process that fail at present → what they say."""
        self.at = 0.0
        """The store's time of the latest poll."""
        self._clock = 0.0
        """This process's own monotonic clock at that moment."""

    def notes(self) -> dict[str, Any]:
        """Returns what a person should know of this process; empty if all is well."""
        found: dict[str, Any] = {
            "document_error": self.followed.error,
            "restart_for": list(self.followed.restart),
            "troubles": dict(self.troubles),
            "failing": dict(self.failing),
            "dropped": self._answers.dropped,
            "not_assigned": self._answers.failed,
            "without_unit": dict(self.without_unit),
            "beyond_limit": dict(self.beyond),
            "not_on_disk": self._journal.failed if self._journal is not None else 0,
        }
        return {name: value for name, value in found.items() if value}

    @property
    def other_documents(self) -> dict[str, int]:
        """Versions of the document that other replicas have → how many of them."""
        return self._authority.others

    def layer(self, name: str) -> LayerState | None:
        """Returns a layer as it was last read."""
        found = self._layers.get(name)
        return found[1] if found else None

    def poll(self, *, count: bool = True) -> None:
        """Brings the process and the store in step once.

        Args:
            count: Whether to count units that are new or whose window has closed, and to begin due intervals.

        Raises:
            PenstockError: The store does not answer; what is in memory stays in force.
        """
        if self.followed.changed():
            self._ramps.changed(self.world.document, self.followed.document)
            self.world = World(self.followed.document, self.world.lives, self.world.allocations)
            self.results.clear()
        document = self.followed.document
        self.at, self._clock = self._store.now(), time.monotonic()
        self.leads = self._authority.leads(document.version, self.at, self.notes())
        self._declare(document)
        # Tables are read first: whoever changed them knew lives and results that are not newer than those read next.
        stored = {
            name: found for name in self._layer_names() if (found := self._read_layer(name)) is not None
        }
        if self.leads:
            self._ramps.settle()
        self.world = World(document, self._read_lives(), self.world.allocations)
        if count:
            self._step_results()
        for name, (number, state) in stored.items():
            self._layers[name] = self._moved(name, number, state)
        self._learn_units()
        self._compile()

    def count(self, batch: Sequence[tuple[Choice, Outcome]]) -> None:
        """Counts requests that are not as the document means them to be."""
        for choice, _ in batch:
            experiment = self.world.document.experiments.get(choice.experiment)
            if experiment is None:
                continue
            if isinstance(choice, Bystander):
                self.beyond[choice.experiment] += choice.unit != b""
            elif not choice.unit and not experiment.unit.request:
                self.without_unit[choice.experiment] += 1

    def _declare(self, document: ExperimentsDocument) -> None:
        """States how exposures and rewards are taken, before anybody is assigned: what is not declared is not counted.

        Rules that change are for the replica that leads to state.
        """
        now = (document.version, self.leads)
        if self._declared[0] == now and self.at - self._declared[1] < _DECLARE_EVERY:
            return
        known = {} if self.leads else self._store.declared()
        for name, experiment in document.experiments.items():
            if name not in known:
                self._store.declare(name, rules_of(experiment.reward))
        self._declared = (now, self.at)

    def guard(self, batch: Sequence[tuple[Choice, Outcome]]) -> None:
        """Lets the guardrails see answers; an arm that fails is out in this process before the store knows.

        Raises:
            PenstockError: The store does not answer.
        """
        if self._guards is None:
            return
        try:
            self._guards.take(self.world, batch)
            self._guards.check(self.world, self.results)
        finally:
            self._compile()

    def close(self) -> None:
        """Says that this replica has ended."""
        self._authority.leave()

    def _layer_names(self) -> list[str]:
        return list(dict.fromkeys(e.layer for e in self.followed.document.experiments.values()))

    def _read_layer(self, name: str) -> tuple[int, LayerState | None] | None:
        """Returns a layer; None if it cannot be read and no earlier one is known: then nobody may be assigned anew."""
        number, value = self._store.read(table_key(name)) or (0, None)
        known = self._layers.get(name)
        if value is None:
            return 0, None
        if known is not None and known[0] == number:
            return known
        try:
            return number, LayerState.from_json(value)
        except ValueError as error:
            self._trouble(
                f"layer {name}", f"{error}; the last good one stays in force, without one nobody is assigned"
            )
            return known

    def _read_lives(self) -> dict[str, Lifecycle]:
        lives = {}
        for name in self.followed.document.experiments:
            try:
                lives[name] = read_lifecycle(self._store, name)
                self.troubles.pop(f"experiment {name}", None)
            except DataError as error:
                self._trouble(f"experiment {name}", str(error))
                lives[name] = self.world.life(name)
        return lives

    def _step_results(self) -> None:
        allocations = {}
        for name, experiment in self.world.document.experiments.items():
            life = self.world.life(name)
            if life.phase is Phase.DRAFT:
                continue
            results = self.results.get(name)
            if results is None:
                results = self.results[name] = Results(name, experiment, self._store)
            weights = life.ramp.of(experiment.share, experiment.shares())[1]
            all_steps(results, life, weights, self.at)
            allocations[name] = results.allocation
            if self.at - self._pruned.get(name, self.at - _PRUNE_EVERY) >= _PRUNE_EVERY:
                self._pruned[name] = self.at
                self._store.prune(name, results.cursor, _KEEP)
        self.world = World(self.world.document, self.world.lives, allocations)

    def _moved(self, name: str, number: int, state: LayerState | None) -> tuple[int, LayerState]:
        """Returns a layer after it was moved to what is wanted, if it is on this replica to do so."""
        salt = self.world.document.salt(name)
        shares, draws = self.world.wanted(name)
        present = state or LayerState(SlotTable(salt))
        if present.follows(salt, shares, draws) or not (self.leads or state is None):
            return number, present
        starts = self.at + (self._lead if present.shares else 0.0)
        try:
            moved = present.moved_to(salt, shares, draws, self.world.document.version, starts, self.at)
        except ValueError as error:
            self._trouble(f"layer {name}", f"{error}; lower a share; the table before stays in force")
            return number, present
        self.troubles.pop(f"layer {name}", None)
        if not self._store.write(table_key(name), moved.to_json(), number):
            return number, present  # another replica was faster; the next poll reads what it wrote
        units = moved.table.moved_from(present.table)
        level = logging.INFO if units >= _MANY else logging.DEBUG
        log.log(level, "layer %s: slot table %d, %d of 10,000 slots moved", name, moved.table.version, units)
        return number + 1, moved

    def _learn_units(self) -> None:
        """Learns what other replicas assigned, and what was assigned before this process began."""
        for name, experiment in self.world.document.experiments.items():
            kept = kind_of(experiment) is Kind.STICKY or (
                kind_of(experiment) is Kind.CONTEXT
                and not redraws(experiment)
                and not experiment.unit.request
            )
            if not kept or self.world.life(name).phase is not Phase.RUNNING:
                continue
            memory = self._compiler.memory(name)
            alike = _Alike()
            while True:
                found, self._learned[name] = self._store.assigned(name, self._learned.get(name, 0), _PAGE)
                memory.learn((bytes.fromhex(unit.key), alike(unit)) for unit in found if not unit.single)
                if len(found) < _PAGE:
                    break

        if self._journal is not None:
            self._journal.compact()

    def _compile(self) -> None:
        """Makes the routes anew if anything that they follow from has changed."""
        lives = dict(self.world.lives)
        for name, arm, reason in self._guards.pending() if self._guards else ():
            lives[name] = (lives.get(name) or Lifecycle()).without(arm, reason, self.at)
        world = World(self.world.document, lives, self.world.allocations)
        states = {name: state for name, (_, state) in self._layers.items()}
        starting = {name: s.starts for name, s in states.items() if s.before and s.starts > self.at}
        signature = (
            world.document.version,
            {name: (life.phase, life.arm, life.since, tuple(life.out)) for name, life in lives.items()},
            {name: state.table.version for name, state in states.items()},
            {name: (decided.number, decided.shares) for name, decided in world.allocations.items()},
            set(starting),
        )
        if signature == self._compiled:
            return
        now = self._compiler.routes(world, _in_force(states, self.at))
        if starting:
            next_at = min(starting.values())
            then = self._compiler.routes(world, _in_force(states, next_at))
            self.routes = Routes(now, then, self._clock + next_at - self.at)
        else:
            self.routes = Routes(now)
        self._compiled = signature

    def _trouble(self, subject: str, what: str) -> None:
        if self.troubles.get(subject) != what:
            log.error("%s: %s", subject, what)
        self.troubles[subject] = what


def _in_force(states: Mapping[str, LayerState], at: float) -> dict[str, LayerState]:
    """Returns what holds at a time, by the store's clock."""
    return {name: s.before if s.before and s.starts > at else s for name, s in states.items()}


class _Alike:
    """Gives units that were assigned alike the same object: a million of them then need a tenth of the memory."""

    def __init__(self) -> None:
        self._seen: dict[Assignment, Assignment] = {}

    def __call__(self, unit: Assigned) -> Assignment:
        probabilities = tuple(unit.propensities.items())
        found = Assignment(unit.arm, unit.propensity, probabilities, unit.table, unit.epoch)
        return self._seen.setdefault(found, found)
