"""The manager's promises: order of loads and unloads, states, errors; with a loader that needs no TensorFlow."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from serving.server.config.model_config import VersionPolicy
from serving.server.engine.signature import ModelSpec
from serving.server.models import discovery
from serving.server.models.manager import State
from serving.server.status import Code, ServingError
from tests.serving.server.models.world import Loaded

if TYPE_CHECKING:
    from pathlib import Path

    from tests.serving.server.models.world import World

ALL = VersionPolicy("all")


def test_serves_the_largest_number(world: World) -> None:
    for version in (1, 3, 2):
        world.put(version)
    world.start()
    assert world.serving() == 3
    assert world.states() == {3: State.AVAILABLE}


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (VersionPolicy("latest", 2), {2, 3}),
        (VersionPolicy("latest", 0), {3}),
        (ALL, {1, 2, 3}),
        (VersionPolicy("specific", versions=(1, 3, 9)), {1, 3}),
    ],
    ids=["latest 2", "latest 0", "all", "specific"],
)
def test_policies(world: World, policy: VersionPolicy, expected: set[int]) -> None:
    for version in (1, 2, 3):
        world.put(version)
    world.start(world.model(policy=policy))
    world.until_states(dict.fromkeys(expected, State.AVAILABLE))


def test_a_specific_version_is_loaded_when_it_appears(world: World) -> None:
    world.put(1)
    world.start(world.model(policy=VersionPolicy("specific", versions=(1, 5))))
    world.put(5)
    world.look()
    world.until_states({1: State.AVAILABLE, 5: State.AVAILABLE})


def test_the_highest_version_is_loaded_first(world: World) -> None:
    for version in (1, 2, 3):
        world.put(version)
    world.start(world.model(policy=ALL))
    world.until(lambda: len(world.loads) == 3)
    assert [version for _, version in world.loads] == [3, 2, 1]


def test_the_old_version_goes_only_after_the_new_one_serves(world: World) -> None:
    world.put(1)
    world.start()
    gate = world.hold(2)
    world.put(2)
    world.look()
    world.until_states({1: State.AVAILABLE, 2: State.LOADING})
    assert world.serving() == 1
    gate.set()
    world.until_states({1: State.END, 2: State.AVAILABLE})
    assert world.serving() == 2
    assert world.loaded[0].closed


def test_a_broken_version_leaves_the_old_one_serving_and_says_why(world: World) -> None:
    world.put(1)
    world.start(max_num_load_retries=2)
    world.put(2, broken=True)
    world.look()
    world.until_states({1: State.AVAILABLE, 2: State.END})
    status = world.manager.statuses("m", 2)[0]
    assert (status.code, status.message) == (Code.DATA_LOSS, "version 2 is broken")
    assert world.loads == [("m", 1), ("m", 2), ("m", 2), ("m", 2)]
    world.look()
    world.put(3)
    world.look()
    world.until_states({1: State.END, 2: State.END, 3: State.AVAILABLE})
    assert ("m", 2) not in world.loads[4:]


def test_a_half_copied_version_is_loaded_by_a_retry(world: World) -> None:
    world.put(1)
    world.start(max_num_load_retries=1000, load_retry_interval_micros=5000)
    directory = world.base() / "2"
    directory.mkdir()
    world.look()
    world.until(lambda: world.loads.count(("m", 2)) > 1)
    assert world.states() == {1: State.AVAILABLE, 2: State.LOADING}
    assert world.manager.statuses("m", 2)[0].code is Code.NOT_FOUND
    (directory / "content").write_text("whole")
    world.until_states({1: State.END, 2: State.AVAILABLE})
    assert world.manager.statuses("m", 2)[0].error is None


def test_a_version_that_waits_for_a_retry_does_not_delay_the_next(world: World) -> None:
    world.put(1)
    world.start(max_num_load_retries=5, load_retry_interval_micros=60_000_000)
    world.put(2, broken=True)
    world.look()
    world.until(lambda: ("m", 2) in world.loads)
    world.put(3)
    world.look()
    world.until_states({1: State.END, 2: State.END, 3: State.AVAILABLE})


def test_a_failed_version_is_retried_after_it_disappeared_and_returned(world: World) -> None:
    world.put(1)
    world.start()
    world.put(2, broken=True)
    world.look()
    world.until_states({1: State.AVAILABLE, 2: State.END})
    world.take(2)
    world.look()
    world.until(lambda: world.manager._models["m"].wanted.keys() == {1})
    world.put(2, content="good")
    world.look()
    world.until_states({1: State.END, 2: State.AVAILABLE})


def test_an_unloaded_version_is_loaded_afresh(world: World) -> None:
    world.put(1, content="old")
    world.put(2)
    world.start(world.model(policy=ALL))
    world.until(lambda: len(world.loads) == 2)
    world.take(1)
    world.look()
    world.until_states({1: State.END, 2: State.AVAILABLE})
    world.put(1, content="new")
    world.look()
    world.until_states({1: State.AVAILABLE, 2: State.AVAILABLE})
    with world.manager.acquire(ModelSpec("m", 1)) as lease:
        assert lease.servable.content == "new"


@pytest.mark.parametrize("broken", [True, False], ids=["broken before", "good before"])
def test_a_version_that_changes_while_it_is_loaded_is_loaded_afresh(world: World, broken: bool) -> None:
    world.put(1)
    world.start()
    gate, read, has_read = world.hold(2), world.load, threading.Event()

    def read_early(name: str, version: int, path: Path) -> object:
        content = (path / "content").read_text()
        loaded = read(name, version, path) if version != 2 or content == "new" else None
        if loaded is None:
            has_read.set()
            assert gate.wait(10)
            if content == "broken":
                raise ServingError(Code.DATA_LOSS, "broken")
            loaded = Loaded(version, content)
        return loaded

    world.manager._load_version = read_early  # type: ignore[assignment]
    world.put(2, broken=broken, content="old")
    world.look()
    assert has_read.wait(5)
    world.take(2)
    world.look()
    world.put(2, content="new")
    world.look()
    gate.set()
    world.until_states({1: State.END, 2: State.AVAILABLE})
    with world.manager.acquire(ModelSpec("m")) as lease:
        assert lease.servable.content == "new"


def test_without_versions_everything_is_unloaded_and_not_found(world: World) -> None:
    world.put(1)
    world.start()
    world.take(1)
    world.look()
    world.until_states({1: State.END})
    with pytest.raises(ServingError, match=r"^NOT_FOUND: Servable not found for request: Latest\(m\)$"):
        world.manager.acquire(ModelSpec("m"))
    world.put(1)
    world.look()
    world.until(lambda: world.serving() == 1)


def test_a_base_path_that_vanished_unloads_nothing_and_delays_no_other(world: World) -> None:
    world.put(1)
    world.put(1, "n")
    world.start(world.model(), world.model("n"))
    world.base().rename(world.root / "away")
    world.put(2, "n")
    world.look()
    world.until_states({1: State.END, 2: State.AVAILABLE}, "n")
    assert world.serving() == 1


def test_a_base_path_that_hangs_delays_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.put(1)
    world.put(1, "n")
    world.start(world.model(), world.model("n"))
    look, answer = discovery.look, threading.Event()

    def slow(base_path: str) -> discovery.Found:
        if base_path == str(world.base()):
            assert answer.wait(10)
        return look(base_path)

    monkeypatch.setattr(discovery, "look", slow)
    monkeypatch.setattr("serving.server.models.manager._PATIENCE", 0.05)
    for version in (2, 3):
        world.put(version)
        world.put(version, "n")
        world.look()
        world.until(lambda v=version: world.serving("n") == v)  # type: ignore[misc]
    assert world.serving() == 1
    answer.set()
    world.until(lambda: world.states().get(1) is not State.AVAILABLE)
    assert world.serving() == 3


def test_a_request_in_flight_holds_its_version(world: World) -> None:
    world.put(1)
    world.start()
    lease = world.manager.acquire(ModelSpec("m"))
    world.put(2)
    world.look()
    world.until_states({1: State.UNLOADING, 2: State.AVAILABLE})
    assert world.serving(version=1) is None
    assert world.serving() == 2
    assert not lease.servable.closed
    lease.release()
    lease.release()
    world.until_states({1: State.END, 2: State.AVAILABLE})


def test_a_link_out_of_the_base_path_is_followed(world: World) -> None:
    world.put(1)
    outside = world.put(7, "elsewhere", content="outside")
    world.start()
    (world.base() / "2").symlink_to(outside)
    world.look()
    world.until_states({1: State.END, 2: State.AVAILABLE})
    assert world.loaded[-1].content == "outside"


def test_a_link_that_is_changed_while_it_is_served_is_not_read_again(world: World) -> None:
    first, second = (world.put(number, "elsewhere", content=str(number)) for number in (7, 8))
    link = world.base() / "1"
    link.symlink_to(first)
    world.start()
    link.unlink()
    link.symlink_to(second)
    world.look()
    assert world.serving() == 1
    assert [loaded.content for loaded in world.loaded] == ["7"]


@pytest.mark.parametrize("target", ["nowhere", "2"], ids=["dangling", "itself"])
def test_a_link_to_nothing_leaves_the_old_version(world: World, target: str) -> None:
    world.put(1)
    world.start()
    (world.base() / "2").symlink_to(target)
    world.look()
    world.until_states({1: State.AVAILABLE, 2: State.END})
    assert world.serving() == 1


def test_a_base_path_may_be_a_link_that_moves_on(world: World) -> None:
    old, new = world.put(1, "old").parent, world.put(2, "new").parent
    (world.root / "m").symlink_to(old)
    world.start()
    assert world.serving() == 1
    (world.root / "next").symlink_to(new)
    (world.root / "next").rename(world.root / "m")
    world.look()
    world.until_states({1: State.END, 2: State.AVAILABLE})


def test_links_out_of_the_base_path_can_be_refused(world: World) -> None:
    world.put(1)
    world.put(7, "elsewhere")
    world.start(refuse_outside_links=True, max_num_load_retries=5, load_retry_interval_micros=60_000_000)
    (world.base() / "3").symlink_to("../elsewhere/7")
    world.look()
    world.until_states({1: State.AVAILABLE, 3: State.END})
    status = world.manager.statuses("m", 3)[0]
    assert status.code is Code.FAILED_PRECONDITION
    assert "is a symbolic link out of its base path" in status.message
    assert ("m", 3) not in world.loads


def test_a_link_inside_the_base_path_is_loaded(world: World) -> None:
    (world.base() / "data").mkdir()
    world.put(1).rename(world.base() / "data" / "one")
    (world.base() / "1").symlink_to(world.base() / "data" / "one")
    world.start(refuse_outside_links=True)
    assert world.serving() == 1


def test_a_full_disk_is_reported_in_the_status(world: World) -> None:
    world.put(1)
    world.start()

    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    world.manager._load_version = full  # type: ignore[assignment]
    world.put(2)
    world.look()
    world.until_states({1: State.AVAILABLE, 2: State.END})
    assert "No space left on device" in world.manager.statuses("m", 2)[0].message


def test_a_slow_load_of_one_model_delays_no_other(world: World) -> None:
    world.put(1)
    world.put(1, "n")
    world.start(world.model(), world.model("n"))
    world.hold(2)
    world.put(2)
    world.put(2, "n")
    world.look()
    world.until_states({1: State.END, 2: State.AVAILABLE}, "n")
    assert world.states() == {1: State.AVAILABLE, 2: State.LOADING}


def test_num_load_threads_limits_parallel_loads(world: World) -> None:
    world.put(1)
    world.put(1, "n")
    gates = [world.hold(1), world.hold(1, "n")]  # Either of the two may be found first.
    world.start(world.model(), world.model("n"), wait=False, num_load_threads=1)
    both = [State.START, State.LOADING]
    world.until(lambda: sorted([*world.states().values(), *world.states("n").values()]) == both)
    for gate in gates:
        gate.set()
    assert world.manager.wait_ready(5)


def test_looking_once_sees_no_later_version(world: World) -> None:
    world.put(1)
    world.start(file_system_poll_wait_seconds=0)
    world.put(2)
    world.look()
    world.manager.reload(world.config())
    assert world.states() == {1: State.AVAILABLE}


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (None, "INVALID_ARGUMENT: Missing ModelSpec"),
        (ModelSpec(""), "INVALID_ARGUMENT: ModelSpec has no name specified."),
        (ModelSpec("x"), "NOT_FOUND: Servable not found for request: Latest(x)"),
        (ModelSpec("m", 0), "NOT_FOUND: Servable not found for request: Specific(m, 0)"),
        (ModelSpec("m", label="l"), "INVALID_ARGUMENT: Unrecognized servable version label: l"),
        (ModelSpec("x", label="l"), "INVALID_ARGUMENT: Unrecognized servable version label: l"),
    ],
)
def test_requests_that_nothing_serves(world: World, spec: ModelSpec | None, text: str) -> None:
    world.put(1)
    world.start()
    with pytest.raises(ServingError) as caught:
        world.manager.acquire(spec)
    assert str(caught.value) == text


def test_statuses_of_unknown_versions(world: World) -> None:
    world.put(1)
    world.start()
    with pytest.raises(ServingError, match="NOT_FOUND: Could not find version 7 of model m"):
        world.manager.statuses("m", 7)
    with pytest.raises(ServingError, match="NOT_FOUND: Could not find any versions of model x"):
        world.manager.statuses("x")


def test_a_version_that_fails_to_close_is_still_gone(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.put(1)
    world.start()

    def fail() -> None:
        raise RuntimeError("stuck")

    world.loaded[0].close = fail  # type: ignore[method-assign]
    world.put(2)
    world.look()
    world.until_states({1: State.END, 2: State.AVAILABLE})
    assert "could not be closed cleanly" in caplog.text


def test_stop_waits_for_leases_and_closes(world: World) -> None:
    world.put(1)
    world.start()
    with world.manager.acquire(ModelSpec("m")):
        world.manager.stop(timeout=0.05)
        assert not world.loaded[0].closed
    assert world.serving() is None
