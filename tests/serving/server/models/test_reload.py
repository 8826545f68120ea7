"""Reloading: atomic, labels first, waits only for new models, delays nothing else."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

import pytest

from serving.server.config.model_config import LoggingConfig, ModelConfig, ServerConfig, VersionPolicy
from serving.server.config.options import Options
from serving.server.engine.signature import ModelSpec
from serving.server.models.manager import ModelManager, State
from serving.server.status import Code, ServingError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.serving.server.models.world import World

ALL = VersionPolicy("all")
NOT_AVAILABLE = "which is not currently available for inference"


def test_adds_a_model_and_waits_for_it(world: World) -> None:
    world.put(1)
    world.put(1, "n")
    world.start()
    world.manager.reload(world.config(world.model(), world.model("n")))
    assert world.serving("n") == 1
    assert world.manager.model_names() == ["m", "n"]


def test_removes_a_model_that_is_not_listed(world: World) -> None:
    world.put(1)
    world.put(1, "n")
    world.start(world.model(), world.model("n"))
    world.manager.reload(world.config(world.model("n")))
    world.until_states({1: State.END})
    assert world.serving() is None
    assert world.serving("n") == 1


def test_a_model_that_comes_back_is_loaded_afresh(world: World) -> None:
    world.put(1, content="old")
    world.put(1, "n")
    world.start(world.model(), world.model("n"))
    with world.manager.acquire(ModelSpec("m")):
        world.manager.reload(world.config(world.model("n")))
        (world.base() / "1" / "content").write_text("new")
        waits = threading.Thread(target=world.manager.reload, args=(world.config(),))
        waits.start()
        world.until(lambda: world.states() == {1: State.UNLOADING})
    waits.join(5)
    with world.manager.acquire(ModelSpec("m")) as lease:
        assert lease.servable.content == "new"


def test_a_changed_policy_takes_effect_without_a_wait(world: World) -> None:
    world.put(1)
    world.put(2)
    world.start()
    gate = world.hold(1)
    world.manager.reload(world.config(world.model(policy=ALL)))
    world.until_states({1: State.LOADING, 2: State.AVAILABLE})
    gate.set()
    world.until_states({1: State.AVAILABLE, 2: State.AVAILABLE})
    world.manager.reload(world.config(world.model(policy=VersionPolicy("specific", versions=(1,)))))
    world.until_states({1: State.AVAILABLE, 2: State.END})


def test_a_changed_base_path_reloads_no_version_that_is_loaded(world: World) -> None:
    world.put(1, content="here")
    world.put(1, "other", content="there")
    world.put(2, "other")
    world.start()
    base = str(world.base("other"))
    world.manager.reload(world.config(ModelConfig("m", base, policy=ALL)))
    world.until_states({1: State.AVAILABLE, 2: State.AVAILABLE})
    with world.manager.acquire(ModelSpec("m", 1)) as lease:
        assert lease.servable.content == "here"


def test_the_same_again_changes_nothing(world: World) -> None:
    world.put(1)
    world.start()
    world.manager.reload(world.config())
    world.manager.reload(world.config())
    assert world.states() == {1: State.AVAILABLE}
    assert world.loads == [("m", 1)]


def test_a_new_model_that_is_broken_is_reported_and_stays_configured(world: World) -> None:
    world.put(1)
    world.put(4, "n", broken=True)
    world.start()
    with pytest.raises(ServingError) as caught:
        world.manager.reload(world.config(world.model(), world.model("n")))
    assert caught.value.code is Code.UNKNOWN
    assert caught.value.message.startswith("1 model(s) did not become available: {{{name: n version: 4}")
    assert world.manager.model_names() == ["m", "n"]
    assert world.serving() == 1


def test_a_new_model_without_versions_blocks_no_other_reload(world: World) -> None:
    world.put(1)
    world.put(1, "k")
    world.start(reload_wait_seconds=0.05)
    with pytest.raises(ServingError, match="DEADLINE_EXCEEDED: The configuration is applied"):
        world.manager.reload(world.config(world.model(), world.model("n")))
    world.manager.reload(world.config(world.model(), world.model("n"), world.model("k")))
    assert world.serving("k") == 1
    world.put(1, "n")
    world.look()
    world.until(lambda: world.serving("n") == 1)


def test_on_the_loop_a_caller_may_go_away(world: World) -> None:
    world.put(1)
    world.put(1, "k")
    world.start()

    async def scenario() -> None:
        waits = asyncio.create_task(world.manager.reload_async(world.config(world.model(), world.model("n"))))
        await asyncio.sleep(0.01)
        await world.manager.reload_async(world.config(world.model(), world.model("n"), world.model("k")))
        waits.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waits

    asyncio.run(scenario())
    assert world.serving("k") == 1
    world.look()
    world.until(lambda: not world.manager._waiters)


def test_a_wait_ends_when_a_later_reload_removes_the_model(world: World) -> None:
    world.put(1)
    world.start()
    errors: list[ServingError] = []

    def reload() -> None:
        try:
            world.manager.reload(world.config(world.model(), world.model("n")))
        except ServingError as error:
            errors.append(error)

    waits = threading.Thread(target=reload)
    waits.start()
    world.until(lambda: world.manager.model_names() == ["m", "n"])
    world.manager.reload(world.config())
    waits.join(5)
    assert "removed by a later reload" in errors[0].message


def test_reloads_go_one_after_the_other(world: World) -> None:
    """What one reload adds is available before the next one removes it, so none of them fails."""
    world.put(1)
    names = [f"n{number}" for number in range(6)]
    for name in names:
        world.put(1, name)
    world.start()
    errors: list[ServingError] = []

    def reload(name: str) -> None:
        try:
            world.manager.reload(world.config(world.model(), world.model(name)))
        except ServingError as error:
            errors.append(error)

    async def all_at_once() -> None:
        configs = [world.config(world.model(), world.model(name)) for name in names]
        await asyncio.gather(*(world.manager.reload_async(config) for config in configs))

    threads = [threading.Thread(target=reload, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    asyncio.run(all_at_once())
    for thread in threads:
        thread.join(5)
    assert not errors


def test_a_config_list_cannot_become_something_else(world: World) -> None:
    world.put(1)
    world.start()
    with pytest.raises(ServingError, match="FAILED_PRECONDITION: Cannot transition to requested config"):
        world.manager.reload(ServerConfig(is_list=False))


def test_an_unknown_file_system_is_refused(world: World) -> None:
    world.put(1)
    world.start()
    with pytest.raises(ServingError, match="UNIMPLEMENTED: File system scheme 'gs' not implemented"):
        world.manager.reload(world.config(world.model(), ModelConfig("n", "gs://bucket/n")))
    assert world.manager.model_names() == ["m"]


def test_an_empty_list_removes_every_model(world: World) -> None:
    world.put(1)
    world.start()
    world.manager.reload(ServerConfig())
    world.until_states({1: State.END})


def test_labels_point_and_move(world: World) -> None:
    world.put(1)
    world.put(2)
    world.start(world.model(policy=ALL))
    world.until_states({1: State.AVAILABLE, 2: State.AVAILABLE})
    world.manager.reload(world.config(world.model(policy=ALL, labels={"stable": 1, "old": 1, "canary": 2})))
    assert [world.serving(label=label) for label in ("stable", "old", "canary")] == [1, 1, 2]
    world.manager.reload(world.config(world.model(policy=ALL, labels={"stable": 2})))
    assert world.serving(label="stable") == 2
    with pytest.raises(ServingError, match="INVALID_ARGUMENT: Unrecognized servable version label: canary"):
        world.manager.acquire(ModelSpec("m", label="canary"))


def test_a_label_on_what_is_not_available_refuses_the_whole_reload(world: World) -> None:
    world.put(1)
    world.put(1, "n")
    world.start(world.model())
    world.manager.reload(world.config(world.model(labels={"stable": 1})))
    with pytest.raises(ServingError, match=rf"version 9 of model m, {NOT_AVAILABLE}") as caught:
        world.manager.reload(world.config(world.model(labels={"stable": 1, "next": 9}), world.model("n")))
    assert caught.value.code is Code.FAILED_PRECONDITION
    assert world.manager.model_names() == ["m"]
    assert world.serving(label="stable") == 1


def test_a_label_at_the_start_is_refused(world: World) -> None:
    world.put(1)
    with pytest.raises(ServingError, match=NOT_AVAILABLE):
        world.start(world.model(labels={"stable": 1}), wait=False)


def test_labels_for_unavailable_models(world: World) -> None:
    world.put(1)
    world.start(world.model(labels={"stable": 1}), allow_version_labels_for_unavailable_models=True)
    world.manager.reload(world.config(world.model(labels={"stable": 1, "next": 7})))
    assert world.serving(label="stable") == 1
    with pytest.raises(ServingError, match=r"NOT_FOUND: Servable not found for request: Specific\(m, 7\)"):
        world.manager.acquire(ModelSpec("m", label="next"))
    with pytest.raises(ServingError, match=NOT_AVAILABLE):
        world.manager.reload(world.config(world.model(labels={"stable": 7})))
    world.manager.reload(world.config(world.model(labels={"stable": 1, "next": 7})))


def test_a_label_whose_version_went_is_not_found(world: World) -> None:
    world.put(1)
    world.start()
    world.manager.reload(world.config(world.model(labels={"stable": 1})))
    world.put(2)
    world.look()
    world.until_states({1: State.END, 2: State.AVAILABLE})
    with pytest.raises(ServingError, match=r"NOT_FOUND: Servable not found for request: Specific\(m, 1\)"):
        world.manager.acquire(ModelSpec("m", label="stable"))


def test_request_logging_is_applied_last(world: World, tmp_path: Path) -> None:
    world.put(1)
    seen: list[object] = []
    logging = LoggingConfig("", str(tmp_path / "log"), 0.5)
    world.manager = ModelManager(world.load, Options(file_system_poll_wait_seconds=3600), seen.append)
    world.manager.start(world.config(world.model(logging=logging)))
    assert seen == [{"m": logging}]


def test_request_logging_without_a_logger_is_refused_after_the_models(world: World, tmp_path: Path) -> None:
    world.put(1)
    world.put(1, "n")
    world.start()
    logging = LoggingConfig("", str(tmp_path / "log"), 0.5)
    with pytest.raises(ServingError, match=r"INVALID_ARGUMENT: No request-logger-creator provided\."):
        world.manager.reload(world.config(world.model(), world.model("n", logging=logging)))
    world.until(lambda: world.serving("n") == 1)


def test_no_request_fails_while_versions_change(world: World) -> None:
    """Threads send requests all the time, by latest and by label, while versions appear and labels move."""
    world.put(1)
    world.start(world.model(policy=VersionPolicy("latest", 2)))
    world.manager.reload(world.config(world.model(policy=VersionPolicy("latest", 2), labels={"stable": 1})))
    done = threading.Event()
    failures: list[object] = []

    def ask() -> None:
        while not done.is_set():
            try:
                served = (world.serving(), world.serving(label="stable"))
            except (ServingError, AssertionError) as error:
                failures.append(error)
                return
            time.sleep(0)
            if None in served:
                failures.append(served)
                return

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for version in range(2, 12):
        world.put(version)
        world.look()
        world.until(lambda v=version: world.states().get(v) is State.AVAILABLE)  # type: ignore[misc]
        policy = VersionPolicy("latest", 2)
        world.manager.reload(world.config(world.model(policy=policy, labels={"stable": version})))
    done.set()
    for thread in threads:
        thread.join(5)
    assert not failures
