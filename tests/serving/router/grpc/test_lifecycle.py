"""Backends that come and go, their limits, clients that misbehave, and the end of the router."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from serving.experiments.contract import Target
from serving.http2 import frames
from serving.http2.hpack import block
from serving.router.router import Router
from tests.serving.http.running import until
from tests.serving.router.grpc.backend import HEAD, PREDICT, Client, Got, GrpcBackend, predict
from tests.serving.router.running import RunningRouter, experiment
from tests.side_by_side import free_port


def same(got: Got, _: Any) -> bytes:
    return got.message


class Gate:
    """Answers once it may; says that a call is there."""

    def __init__(self) -> None:
        self.may, self.there = threading.Event(), threading.Event()

    def __call__(self, got: Got, _: Any) -> bytes:
        self.there.set()
        self.may.wait(20)
        return got.message


def test_a_backend_that_restarts_is_found_again() -> None:
    port = free_port()
    with RunningRouter({"main": {"grpc": f"127.0.0.1:{port}"}}) as router, Client(router.address) as client:
        down = client.error(b"x", "/a/B")
        for _ in range(2):
            with GrpcBackend(same, port):
                until(lambda: _works(client))
            assert client.error(predict("x")).code() == grpc.StatusCode.UNAVAILABLE
    assert down.code() == grpc.StatusCode.UNAVAILABLE
    assert f"backend main at 127.0.0.1:{port} cannot be reached: Connection refused" in down.details()


def _works(client: Client) -> bool:
    try:
        return client.call(predict("x"))[0] == predict("x")
    except grpc.RpcError:
        return False


def test_a_backend_that_says_goodbye_finishes_its_calls_and_gets_no_more() -> None:
    gate = Gate()
    with (
        GrpcBackend(gate) as backend,
        RunningRouter({"main": {"grpc": backend.address}}) as router,
        Client(router.address) as client,
    ):
        call = client.channel.unary_unary(PREDICT).future(predict("x"), timeout=20)
        assert gate.there.wait(10)
        stopped = backend.stop(15)
        until(lambda: client.error(predict("y"), seconds=5).code() == grpc.StatusCode.UNAVAILABLE)
        gate.may.set()
        assert call.result(10) == predict("x")
        stopped.wait(10)


def test_a_backend_that_is_killed_in_the_middle_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            connection.sendall(frames.settings({}))
            data = b""
            while predict("m") not in data:
                data += connection.recv(65536)
            connection.close()

        threading.Thread(target=serve, daemon=True).start()
        route = experiment(Target("m", 2))
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        with (
            RunningRouter({"main": {"grpc": address}}, {"m": route}) as router,
            Client(router.address) as client,
        ):
            error = client.error(predict("m"))
    assert error.code() == grpc.StatusCode.UNAVAILABLE
    assert "closed the connection during the call" in error.details()
    assert dict(error.trailing_metadata())["penstock-arm"] == "e/new"
    assert [outcome.code for _, outcome in route.outcomes] == [14]


def test_a_backend_that_does_not_speak_http2_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                connection, _ = listener.accept()
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                connection.close()

        threading.Thread(target=serve, daemon=True).start()
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        with RunningRouter({"main": {"grpc": address}}) as router, Client(router.address) as client:
            error = client.error(predict())
    assert error.code() == grpc.StatusCode.UNAVAILABLE
    assert "cannot be reached" in error.details()


def test_the_backends_limit_of_streams_is_kept() -> None:
    lock, running, most = threading.Lock(), [0], [0]

    def answer(got: Got, _: Any) -> bytes:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.005)
        with lock:
            running[0] -= 1
        return got.message

    with (
        GrpcBackend(answer, options=[("grpc.max_concurrent_streams", 2)]) as backend,
        RunningRouter({"main": {"grpc": backend.address}}) as router,
        Client(router.address) as client,
    ):
        calls = [client.channel.unary_unary(PREDICT).future(predict(size=n), timeout=30) for n in range(100)]
        assert [call.result(30) for call in calls] == [predict(size=n) for n in range(100)]
    assert most[0] > 2  # Over several connections.


def test_the_end_of_the_router_lets_calls_finish() -> None:
    gate = Gate()
    with GrpcBackend(gate) as backend:
        router = RunningRouter({"main": {"grpc": backend.address}})
        with Client(router.__enter__().address) as client:
            call = client.channel.unary_unary(PREDICT).future(predict("x"), timeout=20)
            assert gate.there.wait(10)
            threading.Timer(0.3, gate.may.set).start()
            router.__exit__()
            assert call.result(10) == predict("x")


def test_idle_connections_are_kept_alive_by_the_system_and_never_pinged() -> None:
    with (
        GrpcBackend(same) as backend,
        RunningRouter({"main": {"grpc": backend.address}}) as router,
        Client(router.address) as client,
    ):
        assert client.call(predict("x"))[0] == predict("x")
        sent = router.call(_sent_by_sweeps_of_an_hour, router.router)
    assert sent == []


def _sent_by_sweeps_of_an_hour(router: Router) -> list[bytes]:
    """What a connection to a backend sends by itself while it is idle."""
    (connection,) = router._grpc._channels["main"]._open
    assert connection.transport is not None
    connected = connection.transport.get_extra_info("socket")
    assert connected.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    sent: list[bytes] = []
    setattr(connection, "control", sent.append)  # noqa: B010 - it replaces a method
    now = connection.loop.time()
    for seconds in range(0, 3600, 5):
        connection.sweep(now + seconds, 5.0)
    return list(sent)


def test_other_backends_take_over_and_calls_in_flight_end_where_they_are() -> None:
    gate = Gate()
    with (
        GrpcBackend(gate) as old,
        GrpcBackend(lambda *_: b"new") as new,
        RunningRouter({"main": {"grpc": old.address}}) as router,
        Client(router.address) as client,
    ):
        call = client.channel.unary_unary(PREDICT).future(predict("x"), timeout=20)
        assert gate.there.wait(10)
        router.use({"main": {"grpc": new.address}, "old": {"grpc": old.address}})
        assert client.call(predict("x"))[0] == b"new"
        gate.may.set()
        assert call.result(10) == predict("x")


def test_calls_are_spread_over_as_many_connections_as_the_document_says() -> None:
    peers: set[str] = set()

    def answer(got: Got, context: Any) -> bytes:
        peers.add(context.peer())
        return got.message

    with (
        GrpcBackend(answer) as backend,
        RunningRouter({"main": {"grpc": backend.address, "connections": 3}}) as router,
        Client(router.address) as client,
    ):
        until(lambda: _works(client) and len(peers) == 3)


@pytest.fixture
def raw() -> Iterator[tuple[socket.socket, RunningRouter, GrpcBackend]]:
    """A client that sends bytes, after its preface and settings."""
    with GrpcBackend(same) as backend, RunningRouter({"main": {"grpc": backend.address}}) as router:
        port = int(router.address.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
            client.sendall(frames.PREFACE + frames.settings({}) + frames.SETTINGS_ACK)
            yield client, router, backend


@pytest.mark.parametrize(
    "field",
    [
        (b"Upper", b"x"),
        (b"connection", b"close"),
        (b"x", b"a\r\nb: c"),
        (b":status", b"200"),
    ],
    ids=["upper-case", "connection", "line-break", "pseudo"],
)
def test_a_malformed_head_never_reaches_the_connection_that_others_share(
    raw: tuple[socket.socket, RunningRouter, GrpcBackend], field: tuple[bytes, bytes]
) -> None:
    client, router, backend = raw
    with Client(router.address) as other:
        assert other.call(predict("x"))[0] == predict("x")
        head = block([*HEAD, (b"content-type", b"application/grpc"), field])
        client.sendall(frames.headers(1, head, end=False) + frames.head(5, 0, 1, 1) + bytes(5))
        data = b""
        while frames.reset(1, frames.PROTOCOL_ERROR) not in data:
            more = client.recv(65536)
            assert more
            data += more
        assert other.call(predict("y"))[0] == predict("y")
    assert [got.message for got in backend.got] == [predict("x"), predict("y")]


def test_a_client_that_resets_at_once_again_and_again_is_cut_off(
    raw: tuple[socket.socket, RunningRouter, GrpcBackend],
) -> None:
    client, router, _ = raw
    head = block([*HEAD, (b"content-type", b"application/grpc")])
    burst = b"".join(
        frames.headers(n, head, end=False) + frames.reset(n, frames.CANCEL) for n in range(1, 20_001, 2)
    )
    with pytest.raises(OSError):
        for _ in range(3):
            client.sendall(burst)
        while client.recv(65536):
            continue
        raise ConnectionError
    with Client(router.address) as other:
        assert other.call(predict("x"))[0] == predict("x")
