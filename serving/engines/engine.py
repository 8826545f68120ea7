"""What to serve and where, and the base class of engines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

EVERY_INTERFACE = ("0.0.0.0", "::", "*")


@dataclass(frozen=True)
class Wanted:
    """What to serve, and where.

    Attributes:
        name: Name of the model.
        folder: Absolute path of the folder with the numbered versions.
        host: Address to listen on.
        port: Port of gRPC.
        rest_port: Port of REST.
        flags: Additional TF Serving flags, passed on unchanged.
    """

    name: str
    folder: Path
    host: str
    port: int
    rest_port: int
    flags: tuple[str, ...] = ()

    @property
    def everywhere(self) -> bool:
        """Whether the server listens on every interface."""
        return self.host in EVERY_INTERFACE

    def model_flags(self, folder: str, ports: tuple[int, int]) -> list[str]:
        """Returns the TF Serving flags for this model.

        Args:
            folder: Where the server sees the versions.
            ports: The gRPC and REST ports that the server binds.
        """
        return [
            f"--port={ports[0]}",
            f"--rest_api_port={ports[1]}",
            f"--model_name={self.name}",
            f"--model_base_path={folder}",
            *self.flags,
        ]


class Engine(Protocol):
    """A server that can be started."""

    name: str
    """The value of ``--engine`` that selects it."""
    what: str
    """Description for messages."""

    def missing(self) -> str:
        """Returns why it cannot be started here; empty if it can."""

    def command(self, wanted: Wanted) -> list[str]:
        """Returns its command line; the program is a path."""

    def notes(self, wanted: Wanted) -> list[str]:
        """Returns what the user should know before it starts."""
