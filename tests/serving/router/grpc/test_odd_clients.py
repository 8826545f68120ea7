"""Clients that send frames in any order, stop in the middle, or do not read: others do not notice, nothing stays behind."""

from __future__ import annotations

import random
import socket
import struct
from collections.abc import Iterator

import grpc
import pytest

from serving.experiments.contract import Target
from serving.http2 import frames
from serving.http2.hpack import block
from tests.serving.http.running import until
from tests.serving.router.grpc.backend import METADATA, PREDICT, RELOAD, Client, Got, GrpcBackend, predict
from tests.serving.router.running import RunningRouter, ScriptedRoute, experiment

MESSAGE = struct.pack(">BI", 0, len(predict("m", size=300))) + predict("m", size=300)


@pytest.fixture(scope="module")
def backend() -> Iterator[GrpcBackend]:
    with GrpcBackend(lambda got, _: got.message) as found:
        yield found


def _head(random_: random.Random) -> bytes:
    others = [METADATA, RELOAD, "/mine.Own/StreamEcho", "/mine.Own/Call", "/mine.Own/Unknown"]
    path = random_.choice([*[PREDICT] * len(others), *others])
    fields = [
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":authority", b"router"),
        (b":path", path.encode()),
        (
            b"content-type",
            random_.choice([*[b"application/grpc"] * 8, b"application/grpc+proto", b"text/plain"]),
        ),
        (b"te", b"trailers"),
    ]
    more = [
        (b"grpc-timeout", random_.choice([b"1S", b"1m", b"0n", b"junk"])),
        (b"grpc-encoding", random_.choice([b"gzip", b"odd"])),
        (b"content-length", b"300"),
        (b"penstock-unit", b"anna"),
        (b"penstock-request-id", b"with space"),
    ]
    return block([*fields, *random_.sample(more, random_.randint(0, 3))])


def _sequence(random_: random.Random, number: int) -> Iterator[bytes]:
    """The frames of one stream: a call that goes wrong somewhere, or does not."""
    ends = random_.random() < 0.1
    yield frames.headers(number, _head(random_), end=ends)
    if ends:
        return
    broken = [MESSAGE[:7], b"", b"\x01" + MESSAGE[1:], MESSAGE * 2, b"\x07" * 20, MESSAGE[:-1]]
    data = random_.choice([*[MESSAGE] * len(broken), *broken])
    while data or random_.random() < 0.3:
        cut = random_.randint(0, len(data))
        piece, data = data[:cut], data[cut:]
        yield frames.head(len(piece), frames.DATA, 0, number) + piece
        if random_.random() < 0.1:
            yield frames.reset(
                number, random_.choice([frames.CANCEL, frames.NO_ERROR, frames.INTERNAL_ERROR])
            )
            return
    if random_.random() < 0.3:
        yield frames.headers(number, block([(b"x-trailer", b"1")]), end=True)
    elif random_.random() < 0.8:
        yield frames.head(0, frames.DATA, frames.END_STREAM, number)


def _play(address: str, seed: int) -> None:
    """Interleaves the frames of some streams, and leaves at once or after a moment."""
    random_ = random.Random(seed)
    host, _, port = address.rpartition(":")
    streams = {number: _sequence(random_, number) for number in range(1, 2 * random_.randint(1, 8), 2)}
    out = [frames.PREFACE + frames.settings({}) + frames.SETTINGS_ACK]
    opened = 0
    while streams:
        # Streams must be opened in their order.
        number = random_.choice(
            [n for n in streams if n <= opened] + [n for n in sorted(streams) if n > opened][:1]
        )
        opened = max(opened, number)
        frame = next(streams[number], None)
        if frame is None:
            del streams[number]
        else:
            out.append(frame)
    with socket.create_connection((host, int(port)), timeout=20) as client:
        try:
            client.sendall(b"".join(out))
            if random_.random() < 0.5:
                client.settimeout(0.02)
                client.recv(65536)
        except OSError:
            return


@pytest.mark.parametrize("fallback", [None, Target("m", 1)], ids=["plain", "fallback"])
def test_frames_in_any_order(backend: GrpcBackend, fallback: Target | None) -> None:
    route = experiment(Target("m", 2), fallback=fallback, shadows=(("s", Target("m", 3)),))
    with (
        RunningRouter({"main": {"grpc": backend.address}}, {"m": route}) as router,
        Client(router.address) as other,
    ):
        for seed in range(150):
            _play(router.address, seed)
            if seed % 10 == 0:
                assert other.call(predict("x"))[0] == predict("x")
        until(lambda: router.router.clients == 1)
        until(lambda: router.router.in_flight == 0)


def _greedy(router: RunningRouter, size: int) -> socket.socket:
    """A client that asks for a large answer and takes nothing of it."""
    host, _, port = router.address.rpartition(":")
    client = socket.create_connection((host, int(port)), timeout=20)
    fields = [
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":authority", b"router"),
        (b":path", PREDICT.encode()),
        (b"te", b"trailers"),
    ]
    message = predict("big", size=size)
    data = struct.pack(">BI", 0, len(message)) + message
    client.sendall(
        frames.PREFACE
        + frames.settings({frames.INITIAL_WINDOW_SIZE: 0})
        + frames.SETTINGS_ACK
        + frames.headers(1, block([*fields, (b"content-type", b"application/grpc")]), end=False)
        + frames.head(len(data), frames.DATA, frames.END_STREAM, 1)
        + data
    )
    return client


def test_answers_that_nobody_reads_are_given_up_when_memory_is_short() -> None:
    def answer(got: Got, _: object) -> bytes:
        return bytes(30_000_000) if got.spec.name == "big" else got.message

    routes: dict[str, ScriptedRoute] = {}
    with (
        GrpcBackend(answer) as backend,
        RunningRouter({"main": {"grpc": backend.address}}, routes) as router,
        Client(router.address) as other,
    ):
        router.router.budget.total = 8_000_000
        with _greedy(router, 10) as client:
            data = b""
            while frames.reset(1, frames.ENHANCE_YOUR_CALM) not in data:
                more = client.recv(65536)
                assert more
                data += more
            assert other.call(predict("x"))[0] == predict("x")
        until(lambda: router.router.budget.taken == 0)
        error = other.error(predict("x", size=20_000_000))
        assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert other.call(predict("x"))[0] == predict("x")
        until(lambda: router.router.budget.taken == 0)
