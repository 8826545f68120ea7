"""Connections to a zygote: it must be this user's, and answer."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

from pipeline.runners.zygote import protocol
from pipeline.runners.zygote.place import NobodyListensError, NoZygoteError

ANSWER_SECONDS = 5.0
"""Seconds within which a zygote answers; it takes a thousandth of one."""


def connect(path: Path) -> socket.socket:
    """Returns a connection to the zygote at a socket.

    Raises:
        NobodyListensError: No zygote is there.
        NoZygoteError: It is another user's.
    """
    connection = protocol.make_socket()
    connection.settimeout(ANSWER_SECONDS)
    try:
        connection.connect(str(path))
        user = protocol.peer_user(connection)
    except OSError as error:
        connection.close()
        raise NobodyListensError(f"nobody listens at {path}: {error}") from error
    if user != os.geteuid():
        connection.close()
        raise NoZygoteError(f"{path} is another user's, of id {user}")
    return connection


def ask(path: Path, message: dict[str, Any]) -> dict[str, Any]:
    """Returns a zygote's answer to a message about itself.

    Raises:
        NobodyListensError: No zygote is there, or it ended.
        NoZygoteError: It is another user's, or none of ours.
        TimeoutError: It does not answer.
    """
    with connect(path) as connection:
        try:
            protocol.send(connection, message)
            answer, _ = protocol.receive(connection)
        except TimeoutError:
            raise
        except OSError as error:
            raise NobodyListensError(f"it ended while it was asked: {error}") from error
        except ValueError as error:
            raise NoZygoteError(f"it does not speak our protocol: {error}") from error
    if answer is None:
        raise NobodyListensError("it ended while it was asked")
    return answer
