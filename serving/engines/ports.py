"""Whether ports are free, before anything is started on them."""

from __future__ import annotations

import socket

from foundation.errors import PenstockError


def check_ports(host: str, ports: dict[str, int]) -> None:
    """Looks whether ports can be bound.

    Args:
        host: The address.
        ports: Option → port.

    Raises:
        PenstockError: One cannot, or two are the same.
    """
    for option, port in ports.items():
        same = [other for other, number in ports.items() if number == port and other != option]
        if same:
            raise PenstockError(f"{option} {port}", expected=f"another port than {same[0]}", seen="the same")
        _check(host, option, port)


def _check(host: str, option: str, port: int) -> None:
    place = "0.0.0.0" if host == "*" else host
    family = socket.AF_INET6 if ":" in place else socket.AF_INET
    with socket.socket(family) as trial:
        trial.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # as servers do: a closed connection is no owner
        try:
            trial.bind((place, port))
        except OSError as error:
            raise PenstockError(
                f"{option} {port}",
                expected=f"a free port on {host}",
                seen=error.strerror or str(error),
                remedy=f"name another with {option}, or end what uses it",
            ) from error
