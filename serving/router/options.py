"""The options of a router process."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_MOST_BYTES: Final = 2**31 - 1


class Reload(StrEnum):
    """What becomes of ``HandleReloadConfigRequest``."""

    refuse = "refuse"
    all = "all"


@dataclass(frozen=True)
class RouterOptions:
    """The options of a router process.

    Attributes:
        host: The address to listen on.
        port: The gRPC port; 0 takes a free one, None has none.
        rest_port: The REST port; 0 takes a free one, None has none.
        certificate: Path of a certificate, PEM: both ports speak TLS. Empty means in the clear.
        key: Path of its key, PEM.
        client_ca: Path of the certificates that clients must have one from; empty asks for none.
        drain_seconds: How long requests in flight may take after the first signal.
        seconds: How long a backend may take to answer a call without a deadline.
        body_bytes: The largest request; a larger one is refused.
        connections: How many clients' connections each port has at most.
        reload: What becomes of ``HandleReloadConfigRequest``.
        shared: Whether other processes listen on the same ports.
    """

    host: str = "127.0.0.1"
    port: int | None = 8500
    rest_port: int | None = 8501
    certificate: str = ""
    key: str = ""
    client_ca: str = ""
    drain_seconds: float = 30.0
    seconds: float = 60.0
    body_bytes: int = _MOST_BYTES
    connections: int = 10_000
    reload: Reload = Reload.refuse
    shared: bool = False
