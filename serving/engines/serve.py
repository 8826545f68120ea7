"""Serves one model from the command line: chooses the engine, checks the ports, starts it and prints example calls."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from serving.engines.choose import choose
from serving.engines.commands import client_host, curl, grpc
from serving.engines.engine import Wanted
from serving.engines.folder import model_name, served_folder, versions
from serving.engines.ports import check_ports
from serving.engines.sample import made_sample, warmup_sample
from serving.engines.supervise import supervise

if TYPE_CHECKING:
    from serving.client import Client

_LOOK_SECONDS = 2.0


@dataclass(frozen=True)
class Serve:
    """The command line's options.

    Attributes:
        folder: A folder of numbered versions, or a SavedModel.
        engine: auto, embedded, binary or docker.
        host: Address to listen on.
        port: Port of gRPC.
        rest_port: Port of REST.
        name: Name of the model; empty means the folder's.
        flags: Additional TF Serving flags.
    """

    folder: Path
    engine: str
    host: str
    port: int
    rest_port: int
    name: str = ""
    flags: Sequence[str] = ()


def serve(asked: Serve, say: Callable[[str], None]) -> None:
    """Serves a model until the process is told to stop.

    Args:
        asked: The command line's options.
        say: Prints a line for the user.

    Raises:
        PenstockError: The folder has no model, the engine is not installed, a port is taken, or the server exited.
    """
    with served_folder(asked.folder) as folder:
        name = asked.name or model_name(asked.folder)
        wanted = Wanted(name, folder, asked.host, asked.port, asked.rest_port, tuple(asked.flags))
        choice = choose(asked.engine, wanted)
        check_ports(asked.host, {"--port": asked.port, "--rest-port": asked.rest_port})
        say(f"Engine: {choice.engine.name}, {choice.engine.what} ({choice.why}).")
        for note in choice.engine.notes(wanted):
            say(note)
        say(f"Loading {name} from {asked.folder} …")
        with _client(wanted) as client:
            supervise(
                choice.engine.command(wanted),
                lambda: _is_ready(client, name),
                lambda: _announce(client, wanted, say),
            )
    say("Ended.")


def _client(wanted: Wanted) -> Client:
    from serving.client import Client

    return Client(f"http://{client_host(wanted)}:{wanted.rest_port}", timeout=_LOOK_SECONDS, retries=0)


def _is_ready(client: Client, name: str) -> bool:
    from serving.client import ClientError

    try:
        return bool(client.status(name).available)
    except ClientError:
        return False


def _announce(client: Client, wanted: Wanted, say: Callable[[str], None]) -> None:
    from serving.client import ClientError

    sample = None
    with contextlib.suppress(ClientError):  # the server is up; a missing example is no reason to stop it
        metadata = client.metadata(wanted.name)
        sample = warmup_sample(wanted.folder / str(metadata.version)) or made_sample(metadata)
    there = ", ".join(map(str, versions(wanted.folder)))
    where = f"gRPC {wanted.host}:{wanted.port}, REST {wanted.host}:{wanted.rest_port}"
    say(f"Serving {wanted.name} (versions in the folder: {there}): {where}. Ctrl-C stops it.")
    if sample is None:
        return
    kind = (
        "a real row, from the model's warm-up requests"
        if sample.real
        else "made-up values of the right types"
    )
    say(f"\nCall it with {kind}, over REST and gRPC:\n\n{curl(wanted, sample)}\n\n{grpc(wanted, sample)}\n")
