"""Chooses the engine, and says why."""

from __future__ import annotations

from dataclasses import dataclass

from foundation.errors import PenstockError, near_miss
from serving.engines.binary import Binary
from serving.engines.docker import IMAGE, Docker
from serving.engines.embedded import Embedded
from serving.engines.engine import Engine, Wanted

AUTO = "auto"


@dataclass(frozen=True)
class Choice:
    """An engine, and why it was chosen."""

    engine: Engine
    why: str


def choose(name: str, wanted: Wanted) -> Choice:
    """Returns the engine to start.

    ``auto`` prefers the real server if it is installed and can listen where asked: ``tensorflow_model_server`` listens
    on every interface, so it is chosen only for ``--host 0.0.0.0``; the Docker image only if it is already pulled.
    Otherwise it chooses Penstock's own.

    Raises:
        PenstockError: The engine does not exist or cannot be started here.
    """
    engines: dict[str, Engine] = {e.name: e for e in (Embedded(), Binary(), Docker())}
    if name == AUTO:
        return _auto(wanted)
    if name not in engines:
        known = [AUTO, *engines]
        raise PenstockError(
            f"--engine {name}", expected=f"one of {', '.join(known)}", seen=near_miss(name, known) or name
        )
    missing = engines[name].missing()
    if missing:
        raise PenstockError(
            f"--engine {name}", expected=engines[name].what, seen=missing, remedy="leave --engine out"
        )
    return Choice(engines[name], "as asked")


def _auto(wanted: Wanted) -> Choice:
    binary, docker = Binary(), Docker()
    passed_over = binary.missing()
    if not passed_over:
        if wanted.everywhere:
            return Choice(binary, "the real server is installed")
        passed_over = "tensorflow_model_server is installed but would listen on every interface; choose it with --engine binary"
    if docker.has_image():
        return Choice(docker, f"the real server's image {IMAGE} is already pulled")
    return Choice(Embedded(), passed_over)
