"""The REST side of the router in front of a cheap backend: what passes unchanged, and what a backend may do wrong."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpx
import pytest

from serving.experiments.contract import Target
from serving.router.options import RouterOptions
from tests.serving.http.running import read_all, until
from tests.serving.router.running import HTTP, Got, RestBackend, RunningRouter, answer, experiment, front

BODY = b'{"instances": [[1.0]],  "odd" : NaN}'


@pytest.fixture
def backend() -> Iterator[RestBackend]:
    with RestBackend() as found:
        yield found


@pytest.mark.parametrize(
    "target",
    [
        "/v1/models/other:predict",
        "/v1/models/m/versions/3:predict",
        "/v1/models/m/labels/canary:predict",
        "/v1/models/m:predict?x=1",
        "/v1/models/m:PREDICT",
        "/v1/models/m/:predict",
        "/monitoring/prometheus/metrics",
        "/anything/at%20all?a=b",
    ],
)
def test_what_takes_part_in_no_experiment_passes_unchanged(backend: RestBackend, target: str) -> None:
    route = experiment(Target("m", 2))
    with front(backend, m=route) as router:
        headers = {"X-Odd": "a, b", "penstock-unit": "7"}
        found = HTTP.post(router.url + target, content=BODY, headers=headers)
    got = backend.got[0]
    assert (got.method, got.path, got.body) == ("POST", target, BODY)
    assert (got.header("x-odd"), got.header("penstock-unit")) == (["a, b"], ["7"])
    assert not [name for name in found.headers if name.startswith("penstock")]
    assert not route.outcomes


def test_errors_types_cors_and_unknown_headers_come_back_as_they_are() -> None:
    def failing(handler: BaseHTTPRequestHandler, _: Got) -> None:
        more = {"Content_Type": "text/odd", "Access_Control_Allow_Origin": "*", "X_More": "1"}
        answer(handler, 404, b'{"error": "no"}', **more)

    with RestBackend(failing) as backend, front(backend) as router:
        found = HTTP.post(f"{router.url}/v1/models/m:predict", content=BODY)
    assert (found.status_code, found.text, found.headers["content-type"]) == (
        404,
        '{"error": "no"}',
        "text/odd",
    )
    assert found.headers["access-control-allow-origin"] == "*"
    assert found.headers["x-more"] == "1"
    assert len(found.headers.get_list("date")) == 1


def test_head_and_options_are_answered_by_the_backend(backend: RestBackend) -> None:
    with front(backend) as router, httpx.Client(base_url=router.url) as client:
        head, options = client.head("/v1/models/m"), client.options("/v1/models/m")
        again = client.get("/v1/models/m")
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) == len(again.content)
    assert options.status_code == 200
    assert [got.method for got in backend.got] == ["HEAD", "OPTIONS", "GET"]


def test_chunked_requests_and_expect_are_understood(backend: RestBackend) -> None:
    def pieces() -> Iterator[bytes]:
        yield BODY[:5]
        yield BODY[5:]

    with front(backend) as router:
        headers = {"Expect": "100-continue"}
        HTTP.post(f"{router.url}/v1/models/m:predict", content=pieces(), headers=headers)
    got = backend.got[0]
    assert (got.body, got.header("content-length")) == (BODY, [str(len(BODY))])
    assert not got.header("transfer-encoding")
    assert not got.header("expect")


def test_headers_of_the_clients_own_connection_stay_behind(backend: RestBackend) -> None:
    with front(backend) as router, socket.create_connection(("127.0.0.1", router.rest_port)) as client:
        client.sendall(
            b"GET /v1/models/m HTTP/1.1\r\nHost: public.example\r\nConnection: X-Mine, close\r\nX-Mine: 1\r\n"
            b"TE: trailers\r\nX-Yours: 2\r\n\r\n"
        )
        read_all(client)
    got = backend.got[0]
    assert (got.header("host"), got.header("x-yours")) == (["public.example"], ["2"])
    assert not got.header("x-mine")
    assert not got.header("te")


def test_an_answer_in_chunks_or_until_the_end_of_the_connection_is_whole() -> None:
    def odd(handler: BaseHTTPRequestHandler, got: Got) -> None:
        handler.send_response_only(200)
        if got.path.endswith("chunks"):
            handler.send_header("Transfer-Encoding", "chunked")
            handler.end_headers()
            handler.wfile.write(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        else:
            handler.send_header("Connection", "close")
            handler.end_headers()
            handler.wfile.write(b"abcde")
            handler.close_connection = True

    with RestBackend(odd) as backend, front(backend) as router:
        for path in ("/chunks", "/end", "/chunks"):
            found = HTTP.get(router.url + path)
            assert (found.content, found.headers["content-length"]) == (b"abcde", "5")


def test_connections_to_the_backend_are_kept(backend: RestBackend) -> None:
    with front(backend, m=experiment(Target("m", 2))) as router:
        for _ in range(20):
            assert HTTP.post(f"{router.url}/v1/models/m:predict", content=BODY).status_code == 200
    assert backend.connections == 1


def test_a_connection_that_the_backend_closed_costs_no_request() -> None:
    def once(handler: BaseHTTPRequestHandler, _: Got) -> None:
        answer(handler, 200, b"{}")
        handler.close_connection = True  # Without saying so.

    with RestBackend(once) as backend, front(backend) as router, httpx.Client(base_url=router.url) as client:
        found = [client.post("/v1/models/m:predict", content=BODY).status_code for _ in range(30)]
    assert found == [200] * 30
    assert len(backend.got) == 30


@pytest.mark.parametrize(
    "sent",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", b"junk\r\n\r\n"],
    ids=["nothing", "half", "junk"],
)
def test_a_backend_that_breaks_off_is_unavailable(sent: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            connection.recv(65536)
            connection.sendall(sent)
            connection.close()

        threading.Thread(target=serve, daemon=True).start()
        with RunningRouter({"main": {"rest": f"127.0.0.1:{listener.getsockname()[1]}"}}) as router:
            found = HTTP.post(f"{router.url}/v1/models/m:predict", content=BODY)
    assert found.status_code == 503
    assert "backend main" in found.json()["error"]


def test_too_large_and_too_many_are_refused(backend: RestBackend) -> None:
    options = RouterOptions(port=None, rest_port=0, drain_seconds=1.0, body_bytes=100, connections=2)
    with RunningRouter({"main": {"rest": backend.address}}, options=options) as router:
        assert HTTP.post(f"{router.url}/v1/models/m:predict", content=bytes(101)).status_code == 413
        until(lambda: not router.router.clients)
        held: list[Any] = [socket.create_connection(("127.0.0.1", router.rest_port)) for _ in range(2)]
        for client in held:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert client.recv(100)
        with socket.create_connection(("127.0.0.1", router.rest_port)) as third:
            assert b" 503 " in read_all(third)
        for client in held:
            client.close()
        until(lambda: not router.router.clients)
        assert HTTP.get(f"{router.url}/healthz/live").status_code == 200


def test_health_is_the_routers_own() -> None:
    with RunningRouter({"main": {"rest": "127.0.0.1:1"}}) as router:
        assert HTTP.get(f"{router.url}/healthz/live").json() == {"status": "live"}
        assert HTTP.get(f"{router.url}/healthz/ready").status_code == 200
