"""The bytes that all connections may hold together."""

from __future__ import annotations

import gc
import socket

import pytest

from serving.http.budget import Budget, Share, default_bytes
from serving.http.connection import Connection
from serving.http.handler import Limits
from serving.http.reader import RequestReader
from tests.serving.http.running import RunningEcho, chunked, post, read_all, statuses, until

LIMITS = Limits(body_bytes=10**8)


def test_a_budget_gives_what_it_has() -> None:
    budget = Budget(10)
    with Share(budget) as share:
        assert share.take(6)
        assert not share.take(5)
        assert share.fits(4)
        assert not share.fits(5)
        assert not Share(budget).take(5)
        assert budget.taken == 6
    assert budget.taken == 0
    assert 2**26 < default_bytes() <= 2 * 2**30


def test_bodies_that_are_half_sent_count_and_are_given_back() -> None:
    with RunningEcho(LIMITS, total=1_000_000) as server:
        halves = [server.connect() for _ in range(3)]
        for half in halves:
            half.sendall(post(b"x" * 299_000)[:-1])
        until(lambda: server.budget.taken > 890_000)
        assert statuses(server.talk(post(b"x" * 200_000))) == [503]
        assert statuses(server.talk(chunked([b"x" * 200_000]))) == [503]
        assert statuses(server.talk(post(b"x" * 2_000_000))) == [413]
        for half in halves[1:]:
            half.close()
        until(lambda: server.budget.taken < 310_000)
        assert statuses(server.talk(post(b"x" * 200_000, "Connection: close"))) == [200]
        halves[0].sendall(b"x")
        until(lambda: server.budget.taken == 0)
        halves[0].close()


@pytest.mark.parametrize(
    "flood",
    [
        chunked([b"xy"] * 100_000)[:-5],
        b"GET / HTTP/1.1\r\n\r\n" * 10_000,
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 900,
        b"GET / HTTP/1.1\r\nA: " + b"b" * 60_000,
    ],
    ids=["tiny chunks", "pipelined requests", "headers of an unfinished head", "an unfinished header"],
)
def test_floods_count(flood: bytes) -> None:
    """What costs memory counts, on few connections or many."""
    with RunningEcho(LIMITS, total=2_000_000) as server:
        server.handler.may_answer.clear()
        clients = [server.connect() for _ in range(40)]
        for client in clients:
            client.setblocking(False)
            client.send(flood)
        until(lambda: server.budget.taken > 1_500_000)
        assert server.budget.taken <= 2_000_000
        for client in clients:
            client.close()
        until(lambda: server.budget.taken == 0)


def test_answers_that_are_not_read_count() -> None:
    with RunningEcho(LIMITS, total=10_000_000) as server:
        with server.connect() as slow:
            slow.sendall(post(b"", target="/bytes/30000000"))
            until(lambda: server.budget.taken > 10_000_000)
            assert statuses(server.talk(post(b""))) == [503]
        until(lambda: server.budget.taken == 0)
        assert statuses(server.talk(post(b"", "Connection: close"))) == [200]


def test_a_client_that_reads_slowly_is_not_dropped_but_one_that_stops_is() -> None:
    with RunningEcho(Limits(body_bytes=100, stalled_seconds=0.0)) as server, server.connect() as client:
        client.sendall(post(b"", target="/bytes/90000000"))
        until(lambda: server.budget.taken)
        for _ in range(3):
            server.sweep()
            read = 0
            while (
                read < 16_000_000
            ):  # More than the kernel holds, so the server has sent more since the sweep.
                read += len(client.recv(65536))
            assert server.connections() == 1
        until(lambda: server.sweep() or server.connections() == 0)


def test_closed_connections_are_freed_without_the_garbage_collector() -> None:
    with RunningEcho(LIMITS) as server:
        gc.collect()
        gc.disable()
        try:
            for begin in (b"GET / HTTP/1.1\r\nA: " + b"b" * 60_000, post(b"x"), b"junk\r\n\r\n", b""):
                with server.connect() as client:
                    client.sendall(begin)
                    client.shutdown(socket.SHUT_WR)
                    read_all(client)
            until(lambda: server.connections() == 0)
            # Timers hold a connection for a moment.
            until(lambda: not any(type(o) in (Connection, RequestReader) for o in gc.get_objects()))
        finally:
            gc.enable()
