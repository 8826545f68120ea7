"""The last answer of a connection arrives, whatever the client still sends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
import uvloop

from serving.http.handler import Limits
from tests.serving.http.running import RunningEcho, chunked, post, read_all, statuses, until

MORE = b"x" * 2**20
LOOPS = pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])  # fmt: skip
Loop = Callable[[], asyncio.AbstractEventLoop]


@LOOPS
@pytest.mark.parametrize(
    ("begin", "status"),
    [
        (b"GET /" + b"a" * 70_000, 431),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20_000, 431),
        (b"GET / HTTP/1.1\r\nA: " + b"b" * 70_000, 431),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", 413),
        (chunked([b"x" * 60_000] * 2), 413),
        (b"no http at all\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 90000\r\n\r\n", 503),
        (post(b"", "Connection: close"), 200),
    ],
    ids=lambda value: value if isinstance(value, int) else value[:24].decode(),
)
def test_early_answers_reach_clients_that_are_still_sending(loop: Loop, begin: bytes, status: int) -> None:
    with RunningEcho(Limits(body_bytes=100_000), total=200_000, loop=loop()) as server:
        if status == 503:
            server.budget.overdraw(150_000)
        with server.connect() as client:
            client.sendall(begin)
            for _ in range(8):
                client.sendall(MORE)
            assert statuses(read_all(client)) == [status]
        until(lambda: server.connections() == 0)
        assert server.budget.taken == (150_000 if status == 503 else 0)


@LOOPS
def test_a_late_body_is_refused_and_what_follows_is_dropped(loop: Loop) -> None:
    with (
        RunningEcho(Limits(body_bytes=10**9, body_seconds=-1.0, body_rate=10.0**12), loop=loop()) as server,
        server.connect() as client,
    ):
        client.sendall(b"POST / HTTP/1.1\r\nContent-Length: 90000000\r\n\r\nx")
        until(lambda: server.budget.taken)
        server.sweep()
        client.sendall(MORE)
        assert statuses(read_all(client)) == [408]


def test_requests_before_a_bad_one_are_answered_first() -> None:
    with RunningEcho(Limits(body_bytes=100)) as server:
        server.handler.may_answer.clear()
        with server.connect() as client:
            client.sendall(post(b"1") + post(b"2") + b"GET / HTTP/9.9\r\n\r\n" + MORE)
            until(lambda: server.handler.asked)
            server.call(server.handler.may_answer.set)
            assert statuses(read_all(client)) == [200, 200, 400]


def test_a_client_that_never_stops_sending_is_cut_off() -> None:
    with RunningEcho(Limits(body_bytes=100, linger_bytes=2**20)) as server, server.connect() as client:
        client.sendall(b"POST / HTTP/1.1\r\nContent-Length: 999\r\n\r\n")
        with pytest.raises(OSError):
            for _ in range(1000):
                client.sendall(MORE)
        until(lambda: server.connections() == 0)


def test_the_connection_is_closed_once_the_client_is_silent_or_its_time_is_up() -> None:
    silent = Limits(body_bytes=100, linger_silence_seconds=0.05)
    with RunningEcho(silent) as server, server.connect() as client:
        client.sendall(post(b"x" * 101))
        until(lambda: server.connections() == 0)
    busy = Limits(body_bytes=100, linger_silence_seconds=0.05, linger_seconds=0.0)
    with RunningEcho(busy) as server, server.connect() as client:
        client.sendall(post(b"x" * 101))
        with pytest.raises(OSError):
            while True:
                client.sendall(b"x")
        until(lambda: server.connections() == 0)


@LOOPS
def test_a_large_last_answer_has_the_time_that_the_client_needs(loop: Loop) -> None:
    limits = Limits(body_bytes=100, linger_silence_seconds=0.01, linger_seconds=0.05)
    with RunningEcho(limits, loop=loop()) as server, server.connect() as client:
        client.sendall(post(b"", "Connection: close", target="/bytes/20000000"))
        until(lambda: server.budget.taken)
        client.settimeout(0.5)
        size = 0
        while data := client.recv(65536):
            size += len(data)
            if size < 1_000_000:
                server.sweep()
        assert size > 20_000_000
