"""gRPC's C core, as Python's clients use it, sync and aio, against our HTTP/2 front."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from tests.integration.http2.conftest import Served
from tests.serving.deadlines import deadlines

pytestmark = pytest.mark.integration

MEGABYTE = 1 << 20
LIMITS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
MESSAGE = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"
SENT = (
    ("x-echo-text", "plain ~!#"),
    ("x-echo-text", "again"),
    ("x-echo-raw-bin", bytes(range(256))),
    ("x-echo-long", "long value, " * 400 + "."),
)


def _call(channel: grpc.Channel, method: str) -> grpc.UnaryUnaryMultiCallable:
    return channel.unary_unary(f"/suite.Echo/{method}")


@pytest.fixture(scope="module", params=["plain", "tls"])
def channel(request: pytest.FixtureRequest, served: Served) -> Iterator[grpc.Channel]:
    if request.param == "plain":
        made = grpc.insecure_channel(served.plain, LIMITS)
    else:
        named = [*LIMITS, ("grpc.ssl_target_name_override", "models.example")]
        trust = grpc.ssl_channel_credentials(served.roots.read_bytes())
        made = grpc.secure_channel(served.secure, trust, named)
    with made as open_channel:
        yield open_channel


@pytest.mark.parametrize("size", [0, 1, 16_384, 65_536, 5 * MEGABYTE])
def test_every_size_comes_back(channel: grpc.Channel, size: int) -> None:
    message = bytes(i * 7 % 251 for i in range(1000)) * (size // 1000 + 1)
    assert _call(channel, "Echo")(message[:size], timeout=30) == message[:size]


def test_more_calls_at_once_than_streams(channel: grpc.Channel) -> None:
    messages = [bytes([i % 251]) * 20_000 for i in range(300)]
    futures = [_call(channel, "Echo").future(message, timeout=30) for message in messages]
    assert [future.result() for future in futures] == messages


def test_calls_from_several_threads(channel: grpc.Channel) -> None:
    def ask(i: int) -> bool:
        return bool(_call(channel, "Echo")(b"%d" % i, timeout=30) == b"%d" % i)

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(ask, range(400)))


def test_metadata_comes_back_first_and_last(channel: grpc.Channel) -> None:
    for _ in range(3):  # the second time, the client's HPACK table is filled
        _, call = _call(channel, "Echo").with_call(b"x", timeout=30, metadata=SENT)
        for part in (call.initial_metadata(), call.trailing_metadata()):
            assert tuple(pair for pair in part if pair[0].startswith("x-echo-")) == SENT


def test_statuses(channel: grpc.Channel) -> None:
    for code in (code for code in grpc.StatusCode if code is not grpc.StatusCode.OK):
        with pytest.raises(grpc.RpcError) as raised:
            _call(channel, "Fail")(f"{code.value[0]} {MESSAGE}".encode(), timeout=30)
        assert (raised.value.code(), raised.value.details()) == (code, MESSAGE)


def test_a_method_that_is_not_there(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        _call(channel, "None")(b"", timeout=30)
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("kind", [grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_compression(channel: grpc.Channel, kind: grpc.Compression) -> None:
    for size in (0, 100, 3 * MEGABYTE):
        assert _call(channel, "Echo")(bytes(size), timeout=30, compression=kind) == bytes(size)


def _ends_on_the_server(channel: grpc.Channel, before: int) -> bool:
    end = time.monotonic() + 3
    while time.monotonic() < end:
        if int(_call(channel, "Cancelled")(b"", timeout=30)) > before:
            return True
        time.sleep(0.02)
    return False


def test_a_deadline_ends_the_call_on_both_sides(channel: grpc.Channel) -> None:
    before = int(_call(channel, "Cancelled")(b"", timeout=30))
    for seconds in deadlines(lambda: _ends_on_the_server(channel, before)):
        with pytest.raises(grpc.RpcError) as raised:
            _call(channel, "Sleep")(b"30000", timeout=seconds)
        assert raised.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


def test_a_cancelled_call_ends_on_the_server(channel: grpc.Channel) -> None:
    before = int(_call(channel, "Cancelled")(b"", timeout=30))
    for seconds in deadlines(lambda: _ends_on_the_server(channel, before)):
        future = _call(channel, "Sleep").future(b"30000", timeout=30)
        time.sleep(seconds)
        assert future.cancel()


def test_keep_alive_pings_are_answered(served: Served) -> None:
    options = [
        ("grpc.keepalive_time_ms", 50), ("grpc.keepalive_timeout_ms", 5000),
        ("grpc.http2.max_pings_without_data", 0), ("grpc.keepalive_permit_without_calls", 1),
    ]  # fmt: skip
    with grpc.insecure_channel(served.plain, options) as channel:
        assert _call(channel, "Sleep")(b"400", timeout=30) == b""


def test_draining_loses_no_call(served: Served) -> None:
    with grpc.insecure_channel(served.plain, LIMITS) as channel:
        open_calls = [_call(channel, "Sleep").future(b"400", timeout=30) for _ in range(20)]
        time.sleep(0.1)
        _call(channel, "Drain")(b"", timeout=30)
        for _ in range(60):
            assert _call(channel, "Echo")(b"after", timeout=30) == b"after"
            time.sleep(0.01)
        assert [future.result() for future in open_calls] == [b""] * 20


def test_aio(served: Served) -> None:
    async def calls() -> AsyncIterator[object]:
        async with grpc.aio.insecure_channel(served.plain, LIMITS) as channel:
            echo = channel.unary_unary("/suite.Echo/Echo")
            messages = [bytes([i % 251]) * 20_000 for i in range(300)]
            yield await asyncio.gather(*(echo(message, timeout=30) for message in messages)) == messages
            yield await echo(bytes(5 * MEGABYTE), timeout=30) == bytes(5 * MEGABYTE)
            yield await echo(bytes(MEGABYTE), timeout=30, compression=grpc.Compression.Gzip) == bytes(
                MEGABYTE
            )
            call = echo(b"x", timeout=30, metadata=SENT)
            await call
            yield (
                tuple(pair for pair in await call.trailing_metadata() if pair[0].startswith("x-echo-"))
                == SENT
            )
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await channel.unary_unary("/suite.Echo/Sleep")(b"30000", timeout=0.1)
            yield raised.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED

    async def all_of_them() -> list[object]:
        return [good async for good in calls()]

    assert asyncio.run(all_of_them()) == [True] * 5
