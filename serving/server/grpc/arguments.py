"""Reads gRPC's channel arguments for our own HTTP/2: which ones it honours, and how."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from serving.http2.limits import Limits

if TYPE_CHECKING:
    from serving.server.config.options import Options

_MILLISECONDS: Final = {
    "grpc.keepalive_time_ms": "ping_seconds",
    "grpc.keepalive_timeout_ms": "ping_timeout_seconds",
    "grpc.max_connection_idle_ms": "idle_seconds",
    "grpc.max_connection_age_ms": "age_seconds",
    "grpc.max_connection_age_grace_ms": "age_grace_seconds",
}
_NUMBERS: Final = {
    "grpc.max_concurrent_streams": "streams",
    "grpc.http2.lookahead_bytes": "window",
    "grpc.max_metadata_size": "header_list_bytes",
    "grpc.absolute_max_metadata_size": "header_bytes",
}
_NEVER: Final = 2**31 - 1
"""gRPC's number for a time that never comes."""
UNLIMITED: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Settings:
    """What the channel arguments say.

    Attributes:
        limits: The limits of a connection.
        most_received: The largest message of a client, in bytes.
        most_sent: The largest message to a client, in bytes.
        compress: Whether answers are compressed for clients that take it.
        ignored: The arguments without effect.
    """

    limits: Limits
    most_received: int
    most_sent: int
    compress: bool
    ignored: tuple[str, ...]


def read(options: Options) -> Settings:
    """Returns the settings of the server's options; of an argument given twice the last counts."""
    values: dict[str, float] = {}
    received = sent = options.grpc_message_limit
    compress = False
    ignored = []
    for name, value in options.grpc_arguments:
        if not isinstance(value, int):
            ignored.append(name)
        elif name == "grpc.max_receive_message_length":
            received = value if value >= 0 else UNLIMITED
        elif name == "grpc.max_send_message_length":
            sent = value if value >= 0 else UNLIMITED
        elif name == "grpc.default_compression_algorithm":
            compress = value > 0
        elif name in _MILLISECONDS:
            values[_MILLISECONDS[name]] = 0.0 if value == _NEVER else value / 1000
        elif name in _NUMBERS and value > 0:
            values[_NUMBERS[name]] = value
        else:
            ignored.append(name)
    limits = replace(Limits(), **values)  # type: ignore[arg-type]
    return Settings(limits, received, sent, compress, tuple(ignored))
