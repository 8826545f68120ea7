"""Random histories of versions, policies, reloads and requests, with invariants after every step and at the end."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from serving.server.config.model_config import VersionPolicy
from serving.server.engine.signature import ModelSpec
from serving.server.models.manager import Lease, State
from tests.serving.server.models.world import World

VERSIONS = st.integers(1, 5)
POLICIES = st.one_of(
    st.builds(VersionPolicy, st.just("latest"), st.integers(1, 3)),
    st.just(VersionPolicy("all")),
    st.builds(lambda v: VersionPolicy("specific", versions=tuple(v)), st.sets(VERSIONS, min_size=1)),
)


class Histories(RuleBasedStateMachine):
    """A model ``m`` that changes, and a neighbour ``n`` that must never notice."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.world = World(self.folder)
        self.there: dict[int, bool] = {}  # version → whether it can be loaded
        self.policy = VersionPolicy()
        self.configured = True
        self.served = False  # A version was available, and at least one has been wanted ever since.
        self.leases: list[Lease] = []

    @initialize()
    def begin(self) -> None:
        self.world.put(1, "n")
        self.world.put(1)
        self.there = {1: True}
        self.world.start(self.world.model(), self.world.model("n"), max_num_load_retries=1)

    @rule(version=VERSIONS, good=st.booleans())
    def publish(self, version: int, good: bool) -> None:
        if version not in self.there:
            self.world.put(version, broken=not good)
            self.there[version] = good
            self.look()

    @precondition(lambda self: self.there)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        version = data.draw(st.sampled_from(sorted(self.there)))
        self.world.take(version)
        del self.there[version]
        self.look()

    @rule(policy=POLICIES)
    def change_policy(self, policy: VersionPolicy) -> None:
        self.policy, self.configured = policy, True
        self.apply()

    @rule()
    def remove_model(self) -> None:
        self.configured = self.served = False
        self.apply()

    @rule()
    def lease(self) -> None:
        if self.world.serving() is not None:
            self.leases.append(self.world.manager.acquire(ModelSpec("m")))

    @rule()
    def give_back(self) -> None:
        if not self.leases:  # No precondition: whether there is one depends on timing, not on the choices.
            return
        lease = self.leases.pop(0)
        assert not lease.servable.closed, "a version was closed under a request"
        lease.release()

    def look(self) -> None:
        self.served = self.served and bool(self.wished())
        self.world.look()

    def apply(self) -> None:
        self.served = self.served and bool(self.wished())
        models = [self.world.model("n")]
        if self.configured:
            models.append(self.world.model(policy=self.policy))
        self.world.manager.apply(self.world.config(*models))
        self.world.look()

    def wished(self) -> set[int]:
        return self.policy.choose(self.there) if self.configured else set()

    @invariant()
    def serves_on(self) -> None:
        if not hasattr(self.world, "manager"):
            return
        assert self.world.serving("n") == 1
        now = self.world.serving()
        assert now is not None or not self.served, "a wished model lost its last version"
        self.served = bool(self.wished()) and (self.served or now is not None)
        assert not any(lease.servable.closed for lease in self.leases)

    def settled(self) -> bool:
        states = self.world.states()
        good = {version for version in self.wished() if self.there[version]}
        available = {version for version, state in states.items() if state is State.AVAILABLE}
        if any(state in (State.START, State.LOADING, State.UNLOADING) for state in states.values()):
            return False
        # Wanted, loadable versions serve; others only while no wanted version is loadable.
        return available == good if good or not self.wished() else len(available) <= 1

    def teardown(self) -> None:
        if hasattr(self.world, "manager"):
            for lease in self.leases:
                lease.release()
            self.world.look()
            self.world.until(self.settled)
            live = [loaded for loaded in self.world.loaded if not loaded.closed]
            states = list(self.world.states().values()) + list(self.world.states("n").values())
            assert len(live) == states.count(State.AVAILABLE), "an unloaded version was left open"
            self.world.manager.stop()
        shutil.rmtree(self.folder)


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=40,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
