"""Arms that fail, hang, or are slower than their clients: their own errors, fallbacks, shadows that are dropped."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from serving.codes import Code
from serving.experiments.contract import Target
from serving.experiments.plane.shadow import ShadowLimits
from serving.http2 import frames
from serving.http2.hpack import block
from serving.wire import client_pb2
from tests.serving.deadlines import deadlines
from tests.serving.http.running import until
from tests.serving.router.grpc.backend import HEAD, PREDICT, Client, Got, GrpcBackend, echo, front, predict
from tests.serving.router.running import RunningRouter, experiment


@pytest.fixture
def backend() -> Iterator[GrpcBackend]:
    with GrpcBackend() as found:
        yield found


def _failing(code: grpc.StatusCode, version: int = 2) -> Any:
    def answer(got: Got, context: Any) -> bytes:
        if got.spec.version.value == version:
            context.set_trailing_metadata((("x-more", "1"),))
            context.abort(code, "the arm's own ünusual error: 100%")
        return echo(got, context)

    return answer


def test_an_arm_answers_with_its_own_error() -> None:
    route = experiment(Target("m", 2))
    with (
        GrpcBackend(_failing(grpc.StatusCode.NOT_FOUND)) as backend,
        front(backend, m=route) as router,
        Client(router.address) as client,
    ):
        error = client.error(predict())
    assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, "the arm's own ünusual error: 100%")
    trailing = dict(error.trailing_metadata())
    assert (trailing["x-more"], trailing["penstock-arm"]) == ("1", "e/new")
    assert [(outcome.code, outcome.response) for _, outcome in route.outcomes] == [(Code.NOT_FOUND, b"")]


@pytest.mark.parametrize("code", ["NOT_FOUND", "INTERNAL", "UNAVAILABLE", "FAILED_PRECONDITION"])
def test_a_fallback_answers_for_an_arm_that_fails(code: str) -> None:
    route = experiment(Target("m", 2), fallback=Target("m", 1))
    with (
        GrpcBackend(_failing(grpc.StatusCode[code])) as backend,
        front(backend, m=route) as router,
        Client(router.address) as client,
    ):
        answer, trailing = client.call(predict())
        client.call(predict())
    assert client_pb2.PredictResponse.FromString(answer).model_spec.version.value == 1
    assert trailing["penstock-arm"] == "e/new"
    assert len(backend.got) == 4
    outcomes = [(outcome.code, outcome.fell_back, outcome.version) for _, outcome in route.outcomes]
    assert outcomes == [(0, True, 1), (0, True, 1)]


def test_a_request_that_is_wrong_itself_is_not_asked_twice() -> None:
    route = experiment(Target("m", 2), fallback=Target("m", 1))
    with (
        GrpcBackend(_failing(grpc.StatusCode.INVALID_ARGUMENT)) as backend,
        front(backend, m=route) as router,
        Client(router.address) as client,
    ):
        assert client.error(predict()).code() == grpc.StatusCode.INVALID_ARGUMENT
    assert len(backend.got) == 1


def test_an_arm_whose_backend_is_down_says_so_or_falls_back(backend: GrpcBackend) -> None:
    backends = {"main": {"grpc": backend.address}, "far": {"grpc": "127.0.0.1:1"}}
    routes = {
        "m": experiment(Target("m", backend="far")),
        "n": experiment(Target("n", backend="far"), fallback=Target("n", 3)),
    }
    with RunningRouter(backends, routes) as router, Client(router.address) as client:
        error = client.error(predict())
        answer, _ = client.call(predict("n"))
    assert error.code() == grpc.StatusCode.UNAVAILABLE
    assert "backend far at 127.0.0.1:1 cannot be reached" in error.details()
    assert dict(error.trailing_metadata())["penstock-arm"] == "e/new"
    assert client_pb2.PredictResponse.FromString(answer).model_spec.version.value == 3


class Stuck:
    """Answers version 2 only once it may."""

    def __init__(self) -> None:
        self.may = threading.Event()

    def __call__(self, got: Got, context: Any) -> bytes:
        if got.spec.version.value == 2:
            self.may.wait(20)
        return echo(got, context)


def test_an_arm_that_hangs_ends_at_its_limit_or_falls_back() -> None:
    stuck = Stuck()
    route, falling = experiment(Target("m", 2)), experiment(Target("n", 2), fallback=Target("n", 1))
    route.hang = falling.hang = 0.5
    with (
        GrpcBackend(stuck) as backend,
        front(backend, m=route, n=falling) as router,
        Client(router.address) as client,
    ):
        error = client.error(predict())
        answer, _ = client.call(predict("n"))
        assert backend.cancelled.wait(10)
        stuck.may.set()
    assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert "gave no answer within 0.5 s" in error.details()
    assert client_pb2.PredictResponse.FromString(answer).model_spec.version.value == 1
    assert [outcome.code for _, outcome in route.outcomes] == [Code.DEADLINE_EXCEEDED]


def test_deadlines_reach_the_backend_and_a_client_that_gives_up_is_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The client's clock begins before the router's: on a loaded machine by more than a router allows for.
    monkeypatch.setattr("serving.router.grpc.answered._DEADLINE_EARLY", 8.0)
    stuck = Stuck()
    route = experiment(Target("m", 2))
    with GrpcBackend(stuck) as backend, front(backend, m=route) as router, Client(router.address) as client:
        for seconds in deadlines(lambda: backend.got):
            assert client.error(predict(), seconds=seconds).code() == grpc.StatusCode.DEADLINE_EXCEEDED
        assert backend.cancelled.wait(10)
        until(lambda: route.outcomes)
        remaining = backend.got[0].remaining
        stuck.may.set()
    assert remaining is not None
    assert remaining <= seconds
    assert {outcome.code for _, outcome in route.outcomes} == {Code.DEADLINE_EXCEEDED}


def test_a_reset_long_before_the_deadline_is_a_cancelled_call() -> None:
    stuck, message = Stuck(), predict()
    route = experiment(Target("m", 2))
    fields = [
        (b":authority", b"router"),
        *HEAD,
        (b"content-type", b"application/grpc"),
        (b"grpc-timeout", b"60S"),
    ]
    call = frames.headers(1, block(fields), end=False)
    call += frames.head(5 + len(message), frames.DATA, frames.END_STREAM, 1)
    call += b"\0" + len(message).to_bytes(4, "big") + message
    with GrpcBackend(stuck) as backend, front(backend, m=route) as router:
        port = int(router.address.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
            client.sendall(frames.PREFACE + frames.settings({}) + frames.SETTINGS_ACK + call)
            until(lambda: backend.got)
            client.sendall(frames.reset(1, frames.CANCEL))
            until(lambda: route.outcomes)
        stuck.may.set()
    assert [outcome.code for _, outcome in route.outcomes] == [Code.CANCELLED]


def test_a_client_that_cancels_or_dies_is_a_cancelled_call() -> None:
    stuck = Stuck()
    route = experiment(Target("m", 2))
    with GrpcBackend(stuck) as backend, front(backend, m=route) as router:
        with Client(router.address) as client:
            call = client.channel.unary_unary(PREDICT).future(predict())
            until(lambda: backend.got)
            call.cancel()
            assert backend.cancelled.wait(10)
            dying = client.channel.unary_unary(PREDICT).future(predict())
            until(lambda: len(backend.got) == 2)
            assert not dying.done()
        until(lambda: len(route.outcomes) == 2)
        stuck.may.set()
    assert [outcome.code for _, outcome in route.outcomes] == [Code.CANCELLED] * 2


def test_shadows_get_copies_and_slow_ones_are_dropped() -> None:
    stuck = Stuck()
    route = experiment(Target("m", 1), shadows=(("far", Target("m", 2)),))
    with GrpcBackend(stuck) as backend, front(backend, m=route) as router, Client(router.address) as client:
        shadows = router.router.shadows
        shadows.limits = ShadowLimits(running=2, waiting=3)
        for _ in range(20):
            client.call(predict(), seconds=10)
        assert (shadows.sent, shadows.dropped) == (2, 15)
        stuck.may.set()
        until(lambda: len(route.shadows) == 5)
    arm, outcome = route.shadows[0]
    assert (arm, outcome.code, outcome.version) == ("far", 0, 2)
    assert client_pb2.PredictResponse.FromString(outcome.response).model_spec.version.value == 2
    assert len(route.outcomes) == 20
