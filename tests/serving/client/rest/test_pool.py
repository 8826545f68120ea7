"""Kept connections that a server closes: what is sent again, and what is not."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from serving.client import Tls, UnavailableError
from serving.client.address import parse_address
from serving.client.rest import pool
from serving.client.rest.pool import HttpPool

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Script = Callable[[socket.socket, int], bool]


@dataclass
class Wire:
    """A server on raw sockets: ``script`` answers request ``number`` of a connection and says whether it goes on."""

    port: int
    scripts: list[Script]
    requests: list[int] = field(default_factory=list)
    """Number of requests of each connection, in order."""

    @property
    def pool(self) -> HttpPool:
        return HttpPool(parse_address(f"http://127.0.0.1:{self.port}"), Tls())


@pytest.fixture
def wire() -> Iterator[Callable[..., Wire]]:
    listeners, threads = [], []

    def start(*scripts: Script) -> Wire:
        listener = socket.create_server(("127.0.0.1", 0))
        made = Wire(listener.getsockname()[1], list(scripts))
        thread = threading.Thread(target=_serve, args=(listener, made))
        thread.start()
        listeners.append(listener)
        threads.append(thread)
        return made

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
    for thread in threads:
        thread.join()


def _serve(listener: socket.socket, wire: Wire) -> None:
    for number in range(1000):
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        wire.requests.append(0)
        script = wire.scripts[min(number, len(wire.scripts) - 1)]
        with connection:
            connection.settimeout(10)
            while _request(connection):
                wire.requests[-1] += 1
                if not script(connection, wire.requests[-1]):
                    break


def _request(connection: socket.socket) -> bytes:
    """Reads one request, which comes in several pieces and ends with its body; empty at the end."""
    read = b""
    while not read.endswith(b"{}"):
        try:
            piece = connection.recv(65536)
        except OSError:
            return b""
        if not piece:
            return b""
        read += piece
    return read


def answers(connection: socket.socket, number: int) -> bool:
    connection.sendall(ANSWER)
    return True


def resets_second(connection: socket.socket, number: int) -> bool:
    """Answers one request, and resets the connection when the next one arrives: it had timed out just then."""
    if number == 1:
        return answers(connection, number)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def closes_second(connection: socket.socket, number: int) -> bool:
    return answers(connection, number) if number == 1 else False


def answers_half_of_second(connection: socket.socket, number: int) -> bool:
    if number == 1:
        return answers(connection, number)
    connection.sendall(ANSWER[:20])
    return False


def resets_first(connection: socket.socket, number: int) -> bool:
    return resets_second(connection, 2)


def ask(pool: HttpPool) -> bytes:
    return pool.request("POST", "/", b"{}", {}, 20.0).body


@pytest.mark.parametrize("ends", [resets_second, closes_second])
def test_a_request_that_meets_a_closing_connection_is_sent_on_a_new_one(
    wire: Callable[..., Wire], ends: Script
) -> None:
    server = wire(ends, answers)
    pool = server.pool
    assert [ask(pool), ask(pool)] == [b"ok", b"ok"]
    assert server.requests == [2, 1]
    pool.close()


def test_it_is_sent_only_twice(wire: Callable[..., Wire]) -> None:
    server = wire(resets_second, resets_first)
    pool = server.pool
    ask(pool)
    with pytest.raises(UnavailableError):
        ask(pool)
    assert server.requests == [2, 1]
    pool.close()


def test_nothing_is_sent_again_once_an_answer_has_begun(wire: Callable[..., Wire]) -> None:
    server = wire(answers_half_of_second, answers)
    pool = server.pool
    ask(pool)
    with pytest.raises(UnavailableError):
        ask(pool)
    assert server.requests == [2]
    pool.close()


def test_a_new_connection_that_breaks_is_an_error(wire: Callable[..., Wire]) -> None:
    server = wire(resets_first)
    pool = server.pool
    with pytest.raises(UnavailableError):
        ask(pool)
    assert server.requests == [1]
    pool.close()


def test_a_connection_that_was_idle_for_long_is_not_used(
    wire: Callable[..., Wire], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = wire(answers)
    connections = server.pool
    ask(connections)
    monkeypatch.setattr(pool, "IDLE_SECONDS", -1.0)
    ask(connections)
    assert server.requests == [1, 1]
    connections.close()
