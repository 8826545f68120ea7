"""When a server is ready, and when it gives up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from serving.server.config.model_config import ServerConfig, VersionPolicy
from serving.server.models.manager import State
from serving.server.status import Code, ServingError

if TYPE_CHECKING:
    from tests.serving.server.models.world import World


def test_every_model_needs_an_available_version(world: World) -> None:
    world.put(1)
    world.start(world.model(), world.model("n"), wait=False)
    world.until_states({1: State.AVAILABLE})
    assert not world.manager.wait_ready(0.02)
    world.put(1, "n")
    world.look()
    assert world.manager.wait_ready(5)


def test_a_missing_base_path_makes_it_wait_with_a_warning_per_look(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    model = world.model()
    world.base().rmdir()
    world.start(model, wait=False)
    world.until(lambda: caplog.text.count("Could not find base path") == 1)
    world.look()
    world.until(lambda: caplog.text.count("Could not find base path") == 2)
    assert not world.manager.wait_ready(0.02)
    world.put(1)
    world.look()
    assert world.manager.wait_ready(5)


def test_a_broken_model_ends_the_wait(world: World) -> None:
    world.put(1, broken=True)
    world.put(1, "n")
    world.start(world.model(), world.model("n"), wait=False)
    with pytest.raises(ServingError) as caught:
        world.manager.wait_ready(5)
    assert caught.value.code is Code.UNKNOWN
    assert caught.value.message == (
        "1 servable(s) did not become available: "
        "{{{name: m version: 1} due to error: DATA_LOSS: version 1 is broken}, }"
    )


def test_an_older_good_version_is_enough(world: World) -> None:
    world.put(1)
    world.put(2, broken=True)
    world.start(world.model(policy=VersionPolicy("all")))
    assert world.serving() == 1


def test_no_models_are_ready_at_once(world: World) -> None:
    world.put(1)
    world.start(world.model())
    world.manager.stop()
    from serving.server.config.options import Options
    from serving.server.models.manager import ModelManager

    manager = ModelManager(world.load, Options())
    manager.start(ServerConfig(is_list=False))
    assert manager.wait_ready(1)
    manager.reload(world.config())
    assert [status.version for status in manager.statuses("m")] == [1]
    manager.stop()


def test_without_polling_nothing_is_loaded(world: World) -> None:
    world.put(1)
    world.start(wait=False, file_system_poll_wait_seconds=-1)
    assert not world.manager.wait_ready(0.05)
    assert not world.loads


@pytest.mark.parametrize(
    ("names", "remedy"),
    [
        (["v1", "v2"], "a version's name must be a whole number"),
        (["0.1"], "a version's name must be a whole number"),
        (["saved_model.pb"], "move its contents to"),
        (["readme"], "Did you forget to name your leaf directory as a number (eg. '/1/')?"),
    ],
)
def test_the_log_says_what_is_wrong_with_the_directory(
    world: World, caplog: pytest.LogCaptureFixture, names: list[str], remedy: str
) -> None:
    for name in names:
        world.put(name)
    world.start(wait=False)
    world.until(lambda: "No versions of servable m found under base path" in caplog.text)
    assert remedy in caplog.text


def test_the_log_says_when_the_base_path_is_a_version(world: World, caplog: pytest.LogCaptureFixture) -> None:
    (world.put(3) / "saved_model.pb").touch()
    from dataclasses import replace

    world.start(replace(world.model(), base_path=str(world.base() / "3")), wait=False)
    world.until(lambda: f"set the base path to {world.base()}" in caplog.text)
