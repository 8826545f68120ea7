"""Which engine is chosen, and the command line of each."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from foundation.errors import PenstockError
from serving.engines.choose import choose
from serving.engines.docker import Docker
from serving.engines.engine import Wanted
from tests.serving.engines.conftest import put

HERE = Wanted("learners", Path("/models/learners"), "127.0.0.1", 8500, 8501, ("--enable_batching=true",))
EVERYWHERE = Wanted("learners", Path("/models/learners"), "0.0.0.0", 8500, 8501)
MODEL = ["--port=8500", "--rest_api_port=8501", "--model_name=learners", "--model_base_path=/models/learners"]

ENGINE_ANSWERS = "#!/bin/sh\nexit 0\n"
NO_ENGINE = "#!/bin/sh\nexit 1\n"
NO_IMAGE = '#!/bin/sh\n[ "$1" = version ]\n'


def test_our_own_server_if_no_other_is_installed(programs: Path) -> None:
    choice = choose("auto", HERE)
    assert choice.engine.name == "embedded"
    assert choice.why == "no tensorflow_model_server on the PATH"
    command = choice.engine.command(HERE)
    assert command[:4] == [sys.executable, "-I", "-m", "serving.server"]
    assert command[4:] == ["--host=127.0.0.1", *MODEL, "--enable_batching=true"]


def test_the_real_binary_for_every_interface(programs: Path) -> None:
    file = put(programs, "tensorflow_model_server", ENGINE_ANSWERS)
    choice = choose("auto", EVERYWHERE)
    assert choice.engine.command(EVERYWHERE) == [str(file), *MODEL]
    assert choice.engine.notes(EVERYWHERE) == []


def test_the_real_binary_cannot_listen_on_loopback_alone(programs: Path) -> None:
    put(programs, "tensorflow_model_server", ENGINE_ANSWERS)
    choice = choose("auto", HERE)
    assert choice.engine.name == "embedded"
    assert "--engine binary" in choice.why
    asked = choose("binary", HERE)
    assert asked.engine.command(HERE)[-1] == "--enable_batching=true"
    assert "listens on every interface" in asked.engine.notes(HERE)[0]


def test_the_image_if_docker_has_it(programs: Path) -> None:
    docker = put(programs, "docker", ENGINE_ANSWERS)
    choice = choose("auto", HERE)
    assert choice.engine.command(HERE) == [
        str(docker),
        "run",
        "--rm",
        "--init",
        "--publish=127.0.0.1:8500:8500",
        "--publish=127.0.0.1:8501:8501",
        "--mount=type=bind,source=/models/learners,target=/models/learners,readonly",
        "--entrypoint=tensorflow_model_server",
        "tensorflow/serving",
        *MODEL,
        "--enable_batching=true",
    ]


def test_other_ports_are_published_and_the_container_keeps_its_own(programs: Path) -> None:
    command = Docker().command(Wanted("m", Path("/x"), "::1", 9000, 9001))
    assert "--publish=[::1]:9000:8500" in command
    assert "--port=8500" in command


@pytest.mark.parametrize("double", [NO_ENGINE, NO_IMAGE], ids=["no engine", "no image"])
def test_nothing_is_pulled_unasked(programs: Path, double: str) -> None:
    put(programs, "docker", double)
    assert choose("auto", HERE).engine.name == "embedded"


def test_docker_without_its_image_pulls_it_when_asked(programs: Path) -> None:
    put(programs, "docker", NO_IMAGE)
    choice = choose("docker", HERE)
    assert "pulls" in choice.engine.notes(HERE)[0]


@pytest.mark.parametrize(
    ("engine", "said"),
    [
        ("binary", "no tensorflow_model_server on the PATH"),
        ("docker", "no docker on the PATH"),
        ("dokcer", "did you mean 'docker'"),
    ],
)
def test_an_engine_that_is_not_installed_is_refused(programs: Path, engine: str, said: str) -> None:
    with pytest.raises(PenstockError, match=said):
        choose(engine, HERE)


def test_docker_without_an_engine_is_refused(programs: Path) -> None:
    put(programs, "docker", NO_ENGINE)
    with pytest.raises(PenstockError, match="no Docker engine answers"):
        choose("docker", HERE)
