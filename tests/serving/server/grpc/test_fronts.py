"""Both gRPC fronts, ours and grpc.aio, against one client: what a client can tell apart is the same."""

from __future__ import annotations

import asyncio
import gzip
import threading
from typing import TYPE_CHECKING, Any

import pytest

from serving.server.config.options import Options
from serving.server.grpc.methods import Front, Method
from serving.server.status import Code, ServingError
from tests.serving.deadlines import deadlines
from tests.side_by_side import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

grpc = pytest.importorskip("grpc")


class Answers:
    """Calls that need no model; a double for the models behind the front."""

    def __init__(self) -> None:
        self.begun, self.cancelled = threading.Event(), threading.Event()

    async def echo(self, data: bytes, seen: Any, timeout_ms: int | None) -> bytes:
        return data

    async def remaining(self, data: bytes, seen: Any, timeout_ms: int | None) -> bytes:
        return str(timeout_ms).encode()

    async def refuse(self, data: bytes, seen: Any, timeout_ms: int | None) -> bytes:
        raise ServingError(Code.NOT_FOUND, data.decode())

    async def breaks(self, data: bytes, seen: Any, timeout_ms: int | None) -> bytes:
        raise ValueError("secret")

    async def never(self, data: bytes, seen: Any, timeout_ms: int | None) -> bytes:
        try:
            self.begun.set()
            await asyncio.sleep(60)
        finally:
            self.cancelled.set()
        return b""


class Running:
    """A front on an event loop in a thread."""

    def __init__(self, kind: str, **options: Any) -> None:
        from serving.server.grpc.aio_front import AioServer
        from serving.server.grpc.health import Health
        from serving.server.grpc.own_front import OwnServer

        self.answers = Answers()
        self.options = Options(host="127.0.0.1", port=free_port(), grpc_max_message_bytes=100_000, **options)
        names = ("echo", "remaining", "refuse", "breaks", "never")
        methods = [Method("t.T", name, getattr(self.answers, name)) for name in names]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        kinds = {"own": OwnServer, "aio": AioServer}
        self._server = self._run(_made(kinds[kind], methods, self.options, Health))
        self._run(self._server.start())
        target = f"127.0.0.1:{self.options.port}"
        self.channel = grpc.insecure_channel(target, [("grpc.use_local_subchannel_pool", 1)])

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def call(self, name: str, data: bytes = b"", seconds: float = 20.0, **more: Any) -> bytes:
        path = name if name.startswith("/") else f"/t.T/{name}"
        return bytes(self.channel.unary_unary(path)(data, timeout=seconds, **more))

    def close(self) -> None:
        self.channel.close()
        self._run(self._server.stop(0))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)


async def _made(server: Any, methods: Any, options: Any, health: Any) -> Any:
    """grpc.aio wants to be made on its loop."""
    return server(Front(None, None), methods, options, health())


@pytest.fixture(params=["own", "aio"])
def front(request: pytest.FixtureRequest) -> Iterator[Running]:
    found = Running(request.param)
    yield found
    found.close()


def failure(call: Any, *arguments: Any, **more: Any) -> tuple[str, str]:
    with pytest.raises(grpc.RpcError) as caught:
        call(*arguments, **more)
    return caught.value.code().name, caught.value.details()


@pytest.mark.parametrize("size", [0, 1, 99_000])
def test_answers_come_back(front: Running, size: int) -> None:
    assert front.call("echo", b"x" * size) == b"x" * size


def test_texts_of_errors_survive(front: Running) -> None:
    for text in ("plain", "50 % of ä\nlines \x7f", "100%25"):
        assert failure(front.call, "refuse", text.encode()) == ("NOT_FOUND", text)
    code, text = failure(front.call, "refuse", b"y" * 5000)
    assert (code, text) == ("NOT_FOUND", "y" * 1024 + "...TRUNCATED")
    assert failure(front.call, "breaks") == ("INTERNAL", "Internal error: ValueError")


def test_what_is_not_there_is_unimplemented(front: Running) -> None:
    for path in ("/t.T/Nothing", "/Nowhere/echo", "/x"):
        assert failure(front.call, path) == ("UNIMPLEMENTED", "Method not found!")


def test_messages_have_a_largest_size_both_ways(front: Running) -> None:
    code, text = failure(front.call, "echo", b"x" * 100_001)
    assert code == "RESOURCE_EXHAUSTED"
    assert text == "SERVER: Received message larger than max (100001 vs. 100000)"
    assert front.call("echo", b"x" * 100_000) == b"x" * 100_000


def test_a_deadline_is_known_and_kept(front: Running) -> None:
    assert 15_000 < int(front.call("remaining", seconds=20.0)) <= 21_000  # grpc rounds up
    for seconds in deadlines(front.answers.begun.is_set):
        assert failure(front.call, "never", seconds=seconds)[0] == "DEADLINE_EXCEEDED"
    assert front.answers.cancelled.wait(10)


def test_a_client_that_cancels_stops_the_call(front: Running) -> None:
    call = front.channel.unary_unary("/t.T/never").future(b"", timeout=20)
    assert front.answers.begun.wait(10)  # a call that is cancelled before is never begun
    assert front.call("echo", b"in between") == b"in between"
    call.cancel()
    assert front.answers.cancelled.wait(10)


@pytest.mark.parametrize("how", ["Gzip", "Deflate"])
def test_compressed_requests_are_inflated(front: Running, how: str) -> None:
    compression = getattr(grpc.Compression, how)
    for size in (10, 90_000):
        assert front.call("echo", b"x" * size, compression=compression) == b"x" * size


def test_an_inflated_message_has_the_same_largest_size(front: Running) -> None:
    assert len(gzip.compress(bytes(100_001))) < 1000
    code, text = failure(front.call, "echo", bytes(100_001), compression=grpc.Compression.Gzip)
    assert code == "RESOURCE_EXHAUSTED"
    assert "larger than max (100001 vs. 100000)" in text


def test_health_is_checked_and_watched(front: Running) -> None:
    from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

    stub = health_pb2_grpc.HealthStub(front.channel)
    assert stub.Check(health_pb2.HealthCheckRequest(), timeout=20).status == 1
    request = health_pb2.HealthCheckRequest(service="nobody")
    assert failure(stub.Check, request, timeout=20) == ("NOT_FOUND", "unknown service")
    watch = stub.Watch(health_pb2.HealthCheckRequest(), timeout=20)
    assert next(watch).status == 1
    watch.cancel()


def test_many_calls_at_once(front: Running) -> None:
    method = front.channel.unary_unary("/t.T/echo")
    calls = [method.future(str(n).encode(), timeout=20) for n in range(500)]
    assert [call.result() for call in calls] == [str(n).encode() for n in range(500)]


def test_two_servers_cannot_have_one_port(front: Running, tmp_path: Path) -> None:
    """Ours, beside either."""
    from serving.server.grpc.own_front import OwnServer

    async def start() -> None:
        await OwnServer(Front(None, None), [], front.options, None).start()

    with pytest.raises(ServingError, match=r"Failed to BuildAndStart gRPC server at 127.0.0.1:\d+: .*in use"):
        asyncio.run(start())


def test_a_socket_that_was_left_behind_is_replaced_and_a_file_is_not(tmp_path: Path) -> None:
    import socket

    from serving.server.grpc.own_front import OwnServer

    left, file = tmp_path / "left", tmp_path / "file"
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(str(left))
    file.write_text("mine")

    async def start(path: Path) -> None:
        server = OwnServer(Front(None, None), [], Options(port=0, grpc_socket_path=str(path)), None)
        await server.start()
        await server.stop(0)

    asyncio.run(start(left))
    with pytest.raises(ServingError, match="Failed to BuildAndStart"):
        asyncio.run(start(file))
    assert file.read_text() == "mine"
