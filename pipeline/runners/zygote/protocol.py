"""What a zygote and its clients say to each other: one JSON object per packet, descriptors beside it.

A connection is one process: ``{"fork": …}`` is answered by the child with ``{"ready": pid}``, or by the zygote with
``{"refused": reason}``; later by the zygote with ``{"exit": code}``. Closing the connection ends the child.
``{"status": true}`` asks the zygote about itself, ``{"leave": seconds}`` has it end when nobody needs it for so long.
"""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

_LARGEST = 2**20
_MOST_DESCRIPTORS = 8
_CREDENTIALS = struct.Struct("3i")


@dataclass(frozen=True)
class Fork:
    """A process to make.

    Attributes:
        target: ``module:function`` to call without arguments; it returns the exit code.
        arguments: What it finds in ``sys.argv`` after the program's name; before the numbers of its descriptors.
        environment: All of its variables.
        folder: Its working directory.
        search: Its ``sys.path``.
        umask: Its umask.
        nice: Its priority.
        cores: The cores it may use.
        limits: Resource → soft and hard limit.
    """

    target: str
    arguments: list[str]
    environment: dict[str, str]
    folder: str
    search: list[str]
    umask: int
    nice: int
    cores: list[int]
    limits: dict[str, list[int]]

    def as_json(self) -> dict[str, Any]:
        """Returns it for a packet."""
        return asdict(self)


def make_socket() -> socket.socket:
    """Returns a socket that keeps packets apart."""
    return socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send(connection: socket.socket, message: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
    """Sends a packet.

    Raises:
        OSError: It is too large, or nobody is at the other end.
    """
    socket.send_fds(connection, [json.dumps(message).encode()], descriptors)


def receive(connection: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    """Returns the next packet and its descriptors; None at the end of the connection.

    Raises:
        OSError: The connection broke, or nothing came in time.
        ValueError: The packet is none of ours.
    """
    text, descriptors, _, _ = socket.recv_fds(
        connection, _LARGEST, _MOST_DESCRIPTORS, socket.MSG_CMSG_CLOEXEC
    )
    try:
        message = json.loads(text) if text else None
        if message is not None and not isinstance(message, dict):
            raise ValueError("not an object")
    except ValueError:
        for descriptor in descriptors:
            os.close(descriptor)
        raise
    return message, descriptors


def peer_user(connection: socket.socket) -> int:
    """Returns the id of the user at the other end, as the kernel knows it."""
    told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(told)[1])
