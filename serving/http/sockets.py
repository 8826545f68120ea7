"""Listening sockets, bound here so that both address families and several processes can share a port."""

from __future__ import annotations

import os
import socket

_BACKLOG = 1024


class BindError(Exception):
    """A port that cannot be bound; the text says which and why."""


def check_free(host: str, port: int, protocol: str) -> None:
    """Refuses a port that is already in use.

    Raises:
        BindError: The port is in use.
    """
    address = socket.getaddrinfo(host or "0.0.0.0", port, type=socket.SOCK_STREAM)[0]
    with socket.socket(address[0], socket.SOCK_STREAM) as probe:
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address[4])
        except OSError as error:
            raise BindError(
                f"Failed to start {protocol} Server at {host or '0.0.0.0'}:{port}: {error.strerror}"
            ) from error


def bind(host: str, port: int, *, shared: bool = False, protocol: str = "HTTP") -> list[socket.socket]:
    """Binds the HTTP port, on every interface (IPv6 and IPv4) if no host is given.

    Args:
        host: The address to bind, or empty.
        port: The port.
        shared: Whether other processes of this server listen on the same port.
        protocol: The protocol's name, for the error.

    Returns:
        The listening sockets.

    Raises:
        BindError: The address cannot be bound.
    """
    try:
        if not host and socket.has_dualstack_ipv6():
            return [_listen(socket.AF_INET6, ("::", port), shared=shared, dual=True)]
        addresses = socket.getaddrinfo(
            host or "0.0.0.0", port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        return [_listen(entry[0], entry[4], shared=shared, dual=False) for entry in addresses]
    except OSError as error:
        raise BindError(
            f"Failed to start {protocol} Server at {host or 'localhost'}:{port}: {error.strerror}"
        ) from error


def _listen(family: int, address: tuple[object, ...], *, shared: bool, dual: bool) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if dual else 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener
