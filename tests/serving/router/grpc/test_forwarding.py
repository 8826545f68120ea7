"""What passes through the gRPC side unchanged: streams, unknown methods, metadata, errors, TLS, large and slow calls."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from serving.experiments.contract import Target
from serving.router.backends import Tls
from serving.router.options import Reload, RouterOptions
from serving.wire import client_pb2
from tests.serving.certificates import certificates
from tests.serving.http.running import until
from tests.serving.router.grpc.backend import PREDICT, RELOAD, UNLIMITED, Client, Got, GrpcBackend, predict
from tests.serving.router.running import RunningRouter, experiment

STREAM = "/mine.Own/StreamEcho"


@pytest.fixture(scope="module")
def backend() -> Iterator[GrpcBackend]:
    with GrpcBackend(lambda got, _: got.message) as found:
        yield found


@pytest.fixture(scope="module")
def router(backend: GrpcBackend) -> Iterator[RunningRouter]:
    with RunningRouter({"main": {"grpc": backend.address}}, {"m": experiment(Target("m", 2))}) as found:
        yield found


def test_streams_pass_message_by_message_with_their_metadata(router: RunningRouter) -> None:
    with Client(router.address) as client:
        more = threading.Event()

        def messages() -> Iterator[bytes]:
            yield b"one"
            more.wait(20)
            yield b"two"

        call = client.channel.stream_stream(STREAM)(messages(), timeout=20)
        assert next(call) == b"one"  # Before the second was sent.
        assert dict(call.initial_metadata())["first"] == "yes"
        more.set()
        assert list(call) == [b"two"]
        assert dict(call.trailing_metadata())["last"] == "yes"


def test_a_stream_that_nobody_reads_holds_up_no_other(router: RunningRouter) -> None:
    with Client(router.address) as slow, Client(router.address) as quick:
        sent: list[int] = []

        def messages() -> Iterator[bytes]:
            for number in range(200):
                sent.append(number)
                yield bytes(1_000_000)

        call = slow.channel.stream_stream(STREAM)(messages(), timeout=60)
        next(call)
        for _ in range(20):
            assert quick.call(predict("other", size=100_000))[0] == predict("other", size=100_000)
        assert len(sent) < 200  # The windows are full, on both hops.
        assert sum(len(one) for one in call) == 199 * 1_000_000


def test_a_stream_that_the_client_ends_early_ends_at_the_backend(router: RunningRouter) -> None:
    with Client(router.address) as client:
        ended = threading.Event()

        def messages() -> Iterator[bytes]:
            yield b"one"
            ended.wait(20)

        call = client.channel.stream_stream(STREAM)(messages(), timeout=20)
        assert next(call) == b"one"
        call.cancel()
        ended.set()
        with pytest.raises(grpc.RpcError) as caught:
            next(call)
        assert caught.value.code() == grpc.StatusCode.CANCELLED


def test_unknown_methods_get_the_backends_own_answer(router: RunningRouter, backend: GrpcBackend) -> None:
    with Client(router.address) as client, Client(backend.address) as direct:
        errors = [one.error(b"", "/grpc.health.v1.Health/UnknownCheck") for one in (client, direct)]
    assert errors[0].code() == grpc.StatusCode.UNIMPLEMENTED
    assert errors[0].details() == errors[1].details()


def test_metadata_of_every_kind_passes(router: RunningRouter, backend: GrpcBackend) -> None:
    with Client(router.address) as client:
        pairs = (("x-bin", bytes(range(256))), ("x-text", "a, b"), ("authorization", "Bearer x"))
        for method, message in ((PREDICT, predict("m")), ("/mine.Own/Call", b"hello")):
            client.channel.unary_unary(method)(message, metadata=pairs, timeout=20)
            got = backend.got[-1].metadata
            assert (got["x-bin"], got["x-text"], got["authorization"]) == (
                bytes(range(256)),
                "a, b",
                "Bearer x",
            )
            assert got["user-agent"].startswith("grpc-python")


def test_a_reload_is_refused(router: RunningRouter, backend: GrpcBackend) -> None:
    before = len(backend.got)
    with Client(router.address) as client:
        for message in (b"", bytes(3_000_000)):
            error = client.error(message, RELOAD)
            assert error.code() == grpc.StatusCode.PERMISSION_DENIED
            assert "--reload all" in error.details()
    assert len(backend.got) == before


def test_a_reload_goes_to_all_if_told_so() -> None:
    failing = threading.Event()

    def answer(got: Got, context: Any) -> bytes:
        if failing.is_set():
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "no such version")
        return b"\x0a\x00"

    options = RouterOptions(port=0, rest_port=None, drain_seconds=1.0, reload=Reload.all)
    message = client_pb2.ReloadConfigRequest(config=b"abc").SerializeToString()
    with GrpcBackend(lambda *_: b"\x0a\x00") as one, GrpcBackend(answer) as two:
        backends = {"one": {"grpc": one.address}, "two": {"grpc": two.address}}
        with RunningRouter(backends, options=options) as router, Client(router.address) as client:
            assert client.call(message, RELOAD)[0] == b"\x0a\x00"
            failing.set()
            error = client.error(message, RELOAD)
    assert error.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert error.details() == "backend two: no such version; reloaded: one"
    assert [got.message for got in one.got] == [message] * 2
    assert [got.message for got in two.got] == [message] * 2


def test_a_message_that_is_too_large_is_refused(backend: GrpcBackend) -> None:
    options = RouterOptions(port=0, rest_port=None, drain_seconds=1.0, body_bytes=1000)
    with (
        RunningRouter({"main": {"grpc": backend.address}}, options=options) as router,
        Client(router.address) as client,
    ):
        error = client.error(predict(size=100_000))
        assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert client.call(predict(size=10))[0] == predict(size=10)


def test_many_calls_at_once_from_many_connections(router: RunningRouter) -> None:
    async def run() -> list[bytes]:
        channels = [
            grpc.aio.insecure_channel(router.address, [*UNLIMITED, ("grpc.use_local_subchannel_pool", 1)])
            for _ in range(4)
        ]
        calls = [
            channels[n % 4].unary_unary(PREDICT)(predict("other", size=n * 17 % 5000), timeout=30)
            for n in range(400)
        ]
        answers = await asyncio.gather(*calls)
        for channel in channels:
            await channel.close()
        return list(answers)

    answers = asyncio.run(run())
    assert answers == [predict("other", size=n * 17 % 5000) for n in range(400)]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls") / "keys"
    certificates(folder)
    return folder


def _bytes(keys: Path, *names: str) -> list[bytes]:
    return [(keys / name).read_bytes() for name in names]


def test_tls_from_clients_and_to_backends(keys: Path) -> None:
    key, certificate, ca = _bytes(keys, "tls.key", "tls.crt", "ca.crt")
    credentials = grpc.ssl_server_credentials([(key, certificate)], ca, require_client_auth=True)
    options = RouterOptions(
        port=0, rest_port=0, drain_seconds=1.0,
        certificate=str(keys / "tls.crt"), key=str(keys / "tls.key"), client_ca=str(keys / "ca.crt"),
    )  # fmt: skip
    ca_path, own_certificate, own_key = (str(keys / name) for name in ("ca.crt", "client.crt", "client.key"))
    with GrpcBackend(lambda *_: b"secret", credentials=credentials) as backend:
        good = {"grpc": backend.address, "tls": Tls(ca_path, own_certificate, own_key, "models.example")}
        bad = {"grpc": backend.address, "tls": Tls(ca_path, own_certificate, own_key, "other.example")}
        with RunningRouter(
            {"good": good, "bad": bad}, {"m": experiment(Target("m", 2, backend="bad"))}, options
        ) as router:
            own = grpc.ssl_channel_credentials(ca, *_bytes(keys, "client.key", "client.crt"))
            name = (("grpc.ssl_target_name_override", "models.example"),)
            with grpc.secure_channel(router.address, own, name) as channel:
                assert channel.unary_unary(PREDICT)(predict("x"), timeout=20) == b"secret"
                with pytest.raises(grpc.RpcError) as caught:
                    channel.unary_unary(PREDICT)(predict("m"), timeout=20)
            with (
                grpc.secure_channel(router.address, grpc.ssl_channel_credentials(ca), name) as channel,
                pytest.raises(grpc.RpcError) as without,
            ):
                channel.unary_unary(PREDICT)(predict("x"), timeout=5)
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    assert "TLS failed" in caught.value.details()
    assert "other.example" in caught.value.details()
    assert without.value.code() == grpc.StatusCode.UNAVAILABLE


def test_too_many_connections_are_turned_away(backend: GrpcBackend) -> None:
    options = RouterOptions(port=0, rest_port=None, drain_seconds=1.0, connections=1)
    with RunningRouter({"main": {"grpc": backend.address}}, options=options) as router:
        with Client(router.address) as first:
            assert first.call(b"x", "/a/B")[0] == b"x"
            with Client(router.address) as second:
                assert second.error(b"x", "/a/B", seconds=3).code() == grpc.StatusCode.UNAVAILABLE
            assert first.call(b"x", "/a/B")[0] == b"x"
        until(lambda: not router.router.clients)
        with Client(router.address) as third:
            assert third.call(b"x", "/a/B")[0] == b"x"
