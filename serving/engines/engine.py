"""What is to be served and where, and what an engine is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

EVERY_INTERFACE = ("0.0.0.0", "::", "*")


@dataclass(frozen=True)
class Wanted:
    """What a person asks for.

    Attributes:
        name: Name of the model.
        folder: Absolute path of the folder with the numbered versions.
        host: Address to listen on.
        port: Port of gRPC.
        rest_port: Port of REST.
        flags: Further flags of TF Serving, handed on as they are.
    """

    name: str
    folder: Path
    host: str
    port: int
    rest_port: int
    flags: tuple[str, ...] = ()

    @property
    def everywhere(self) -> bool:
        """Whether every interface is listened on."""
        return self.host in EVERY_INTERFACE

    def model_flags(self, folder: str, ports: tuple[int, int]) -> list[str]:
        """Returns TF Serving's flags for it.

        Args:
            folder: Where the server sees the versions.
            ports: gRPC and REST, as the server shall bind them.
        """
        return [
            f"--port={ports[0]}",
            f"--rest_api_port={ports[1]}",
            f"--model_name={self.name}",
            f"--model_base_path={folder}",
            *self.flags,
        ]


class Engine(Protocol):
    """One server that can be started."""

    name: str
    """What ``--engine`` calls it."""
    what: str
    """What it is, for people."""

    def missing(self) -> str:
        """Returns why it cannot be started here; empty where it can."""

    def command(self, wanted: Wanted) -> list[str]:
        """Returns its command line; the program is a path."""

    def notes(self, wanted: Wanted) -> list[str]:
        """Returns what a person should know before it starts."""
