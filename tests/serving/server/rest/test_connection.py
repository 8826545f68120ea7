"""Connections: keep-alive, pipelining, limits and the drain, byte by byte over sockets."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from serving.http.handler import Limits
from serving.server.config.options import Options
from tests.serving.server.rest.running import RunningServer

_BODY = b'{"instances": [1]}'
_POST = b"POST /v1/models/m:predict HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(_BODY) + _BODY


@pytest.fixture
def impatient() -> Iterator[RunningServer]:
    """A server that closes idle and slow connections as soon as it checks them."""
    server = RunningServer(Options(), Limits(body_bytes=1000, idle_seconds=-1.0, head_seconds=-1.0))
    yield server
    server.stop()


def talk(server: RunningServer, *pieces: bytes, close: bool = True) -> bytes:
    """Sends pieces and reads until the server closes, or (if it need not close) is silent for a moment."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        for piece in pieces:
            connection.sendall(piece)
        if close:
            connection.shutdown(socket.SHUT_WR)
        connection.settimeout(20 if close else 0.5)
        answer = b""
        try:
            while data := connection.recv(65536):
                answer += data
        except TimeoutError:
            pass
        return answer


def statuses(answer: bytes) -> list[int]:
    return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d+) ", answer)]


def test_requests_one_after_the_other(server: RunningServer) -> None:
    answer = talk(server, _POST, _POST, close=False)
    assert statuses(answer) == [200, 200]
    assert b"Connection: close" not in answer


def test_pipelined_requests_are_answered_in_order(server: RunningServer) -> None:
    other = _POST.replace(b"[1]", b"[2]")
    answer = talk(server, _POST + other + _POST)
    assert statuses(answer) == [200, 200, 200]
    assert re.findall(rb"\[(\d)\.0", answer) == [b"1", b"2", b"1"]


def test_a_request_in_single_bytes(server: RunningServer) -> None:
    answer = talk(server, *(bytes([byte]) for byte in _POST))
    assert statuses(answer) == [200]


def test_http_1_0_and_connection_close(server: RunningServer) -> None:
    assert b"Connection: close" in talk(server, _POST.replace(b"HTTP/1.1", b"HTTP/1.0"), close=False)
    assert b"Connection: close" in talk(server, _POST.replace(b"Host: a", b"Connection: close"), close=False)


def test_expect_continue(server: RunningServer) -> None:
    head, _, body = _POST.replace(b"Host: a", b"Expect: 100-continue").partition(b"\r\n\r\n")
    assert statuses(talk(server, head + b"\r\n\r\n", body)) == [100, 200]


def test_an_offer_of_http2_is_answered_in_http1(server: RunningServer) -> None:
    ask = b"GET /v1/models/m HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n"
    assert statuses(talk(server, ask, _POST)) == [200, 200]


def test_a_whole_url_as_target(server: RunningServer) -> None:
    assert statuses(talk(server, b"GET http://host:1/v1/models/m HTTP/1.1\r\nHost: a\r\n\r\n")) == [200]


@pytest.mark.parametrize(
    "junk",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/models/m:predict HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/models/m:predict HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"POST /v1/models/m:predict HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_data_that_is_not_http_is_refused(server: RunningServer, junk: bytes) -> None:
    assert statuses(talk(server, junk)) in ([400], [413])


@pytest.mark.parametrize("head", [b"GET /" + b"a" * 70_000, b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20_000, b"GET / HTTP/1.1\r\nA: " + b"b" * 70_000])  # fmt: skip
def test_heads_are_limited(server: RunningServer, head: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(head)
        assert statuses(b"".join(iter(lambda: connection.recv(65536), b""))) == [431]


def test_idle_connections_are_closed(impatient: RunningServer) -> None:
    with (
        socket.create_connection(("127.0.0.1", impatient.port), timeout=5) as idle,
        socket.create_connection(("127.0.0.1", impatient.port), timeout=5) as slow,
    ):
        slow.sendall(b"GET / HT")
        time.sleep(0.2)
        impatient.sweep()
        assert idle.recv(100) == b""
        assert b" 408 " in slow.recv(100)


def test_bodies_are_limited_by_the_flag() -> None:
    server = RunningServer(Options(rest_api_max_body_bytes=1000))
    try:
        too_large = server.predict(b"{" + b" " * 2000)
        assert too_large.status_code == 413
        assert too_large.json() == {"error": "The request's body is larger than 1000 bytes"}
        chunked = server.client.post("/v1/models/m:predict", content=iter([b" " * 600, b" " * 600]))
        assert chunked.status_code == 413
        assert server.predict({"instances": [1]}).status_code == 200
    finally:
        server.stop()


def test_nothing_after_a_refused_request_is_answered() -> None:
    server = RunningServer(Options(rest_api_max_body_bytes=1000))
    try:
        large = _POST.replace(b"Length: %d" % len(_BODY), b"Length: 2000\r\nContent-Length: 0")
        assert statuses(talk(server, large + _POST)) in ([400], [413])
        large = _POST.replace(b"Length: %d" % len(_BODY), b"Length: 2000").replace(_BODY, b" " * 2000)
        assert statuses(talk(server, large + _POST)) == [413]
        assert server.metrics.value("/tensorflow/serving/request_count") == 0
    finally:
        server.stop()


def test_requests_of_clients_that_are_gone_are_cancelled() -> None:
    server = RunningServer(Options(), Limits(body_bytes=1000, half_closed_seconds=0.05))
    try:
        server.inference.hold = threading.Event()
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as gone:
            gone.sendall(_POST)
            assert server.inference.entered.wait(5)
        deadline = time.monotonic() + 5
        while b'status="CANCELLED"} 1' not in server.metrics.page():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert [lease.released for lease in server.manager.leases] == [1]
    finally:
        server.inference.hold.set()
        server.stop()


def test_a_large_body_of_a_client_that_is_gone_keeps_no_lease() -> None:
    server = RunningServer(Options(), Limits(body_bytes=2**20, half_closed_seconds=0.0))
    try:
        body = b'{"instances": [' + b"1," * 400_000 + b"1]}"
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as gone:
            gone.sendall(
                b"POST /v1/models/m:predict HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body
            )
        deadline = time.monotonic() + 30
        while b'status="CANCELLED"} 1' not in server.metrics.page():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        while not all(lease.released == 1 for lease in server.manager.leases):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        server.stop()


def test_requests_in_flight_survive_the_drain() -> None:
    server = RunningServer(Options())
    server.inference.hold = threading.Event()
    answers: list[httpx.Response] = []
    asking = threading.Thread(target=lambda: answers.append(server.predict({"instances": [1]})))
    asking.start()
    assert server.inference.entered.wait(5)
    stopping = threading.Thread(target=server.stop)
    stopping.start()
    time.sleep(0.3)
    server.inference.hold.set()
    asking.join(5)
    stopping.join(5)
    assert answers[0].status_code == 200
    assert answers[0].headers["connection"] == "close"
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{server.port}/healthz/live")


def test_a_body_on_its_way_survives_the_drain() -> None:
    server = RunningServer(Options())
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as uploading:
        uploading.sendall(_POST[:-5])
        time.sleep(0.1)
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        time.sleep(0.3)
        uploading.sendall(_POST[-5:])
        assert statuses(uploading.recv(1000)) == [200]
        stopping.join(5)
