"""Checks that ports are free before anything is started on them."""

from __future__ import annotations

import socket

from foundation.errors import PenstockError


def check_ports(host: str, ports: dict[str, int]) -> None:
    """Checks that ports can be bound.

    Args:
        host: The address.
        ports: Option → port.

    Raises:
        PenstockError: A port cannot be bound, or two are the same.
    """
    for option, port in ports.items():
        same = [other for other, number in ports.items() if number == port and other != option]
        if same:
            raise PenstockError(f"{option} {port}", expected=f"a port other than {same[0]}", seen="the same")
        _check(host, option, port)


def _check(host: str, option: str, port: int) -> None:
    place = "0.0.0.0" if host == "*" else host
    family = socket.AF_INET6 if ":" in place else socket.AF_INET
    with socket.socket(family) as trial:
        trial.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # as servers do, so that a closed connection does not block the port
        try:
            trial.bind((place, port))
        except OSError as error:
            raise PenstockError(
                f"{option} {port}",
                expected=f"a free port on {host}",
                seen=error.strerror or str(error),
                remedy=f"name another with {option}, or stop the process that uses it",
            ) from error
