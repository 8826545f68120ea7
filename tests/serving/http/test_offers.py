"""Offers to change the protocol are ignored, without harm to the request; old clients keep their connection."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from serving.http.handler import Limits
from tests.serving.http.running import RunningEcho, chunked, post, statuses

H2C = (
    "Connection: Upgrade, HTTP2-Settings",
    "Upgrade: h2c",
    "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
)
WEBSOCKET = ("Connection: keep-alive, Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: x")
LAST = post(b"last", "Connection: close", target="/last")
LIMITS = Limits(body_bytes=100_000)


@pytest.mark.parametrize("offer", [H2C, WEBSOCKET], ids=["h2c", "websocket"])
@pytest.mark.parametrize("size", [1, 7, 10**6], ids=["bytes", "pieces", "whole"])
@pytest.mark.parametrize(
    ("request_", "body"),
    [
        (lambda offer: post(b"hello", *offer), b"POST / hello"),
        (lambda offer: chunked([b"he", b"llo"], *offer), b"POST / hello"),
        (lambda offer: post(b"", *offer), b"POST / "),
        (lambda offer: post(b"", *offer).replace(b"POST", b"GET").replace(b"Content-Length: 0\r\n", b""), b"GET / "),
        (lambda offer: post(b"GET / HTTP/1.1\r\n\r\n", *offer), b"POST / GET / HTTP/1.1\r\n\r\n"),
        (lambda offer: post(b"he", "Expect: 100-continue", *offer), b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["length", "chunked", "empty", "get", "a body that looks like a request", "expect"],
)  # fmt: skip
def test_an_offer_loses_no_body(
    request_: Callable[[tuple[str, ...]], bytes], body: bytes, offer: tuple[str, ...], size: int
) -> None:
    sent = request_(offer) + LAST
    with RunningEcho(LIMITS) as server:
        answer = server.talk(*(sent[start : start + size] for start in range(0, len(sent), size)))
    assert [status for status in statuses(answer) if status != 100] == [200, 200]
    assert answer.count(body) == 1
    assert answer.endswith(b"POST /last last")


def test_an_offer_does_not_open_what_is_closed() -> None:
    with RunningEcho(LIMITS) as server:
        assert statuses(server.talk(post(b"x" * 200_000, *H2C))) == [413]
        assert statuses(server.talk(post(b"", *H2C, "A: " + "b" * 70_000))) == [431]
        both = post(b"hello", *H2C, "Transfer-Encoding: chunked")
        assert statuses(server.talk(both)) == [400]
    assert server.budget.taken == 0


def test_old_clients_are_told_that_the_connection_stays_open() -> None:
    old = post(b"x", "Connection: Keep-Alive").replace(b"HTTP/1.1", b"HTTP/1.0")
    with RunningEcho(LIMITS) as server:
        first, _, second = server.talk(old + post(b"x").replace(b"HTTP/1.1", b"HTTP/1.0")).partition(
            b"POST / x"
        )
        assert b"Connection: keep-alive\r\n" in first
        assert b"Connection: close\r\n" in second
        assert b"onnection: keep-alive" not in server.talk(post(b"x") + LAST)
