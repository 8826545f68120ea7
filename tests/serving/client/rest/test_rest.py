"""The REST client against a small HTTP server: what it sends, and how it reads every kind of answer."""

from __future__ import annotations

import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from serving.client import (
    AnswerError,
    CallError,
    Client,
    Code,
    DeadlineError,
    InputError,
    NotFoundError,
    RefusedError,
    Retries,
    Tls,
    UnavailableError,
    UnsupportedError,
)
from tests.serving.client.conftest import METADATA, Clock, HttpServer, reply

QUICK = Retries(2, first=0.01)


def answers(server: HttpServer, *bodies: bytes | tuple[int, bytes]) -> None:
    """Always answers metadata; answers other requests with the bodies in turn, repeating the last one."""
    left = list(bodies)

    def answer(handler: Any) -> None:
        if handler.path.endswith("/metadata"):
            reply(handler, METADATA)
            return
        body = left.pop(0) if len(left) > 1 else left[0]
        status, text = body if isinstance(body, tuple) else (200, body)
        reply(handler, text, status)

    server.answer = answer


def test_predict_sends_columns_and_gives_typed_arrays(http_server: HttpServer) -> None:
    answers(http_server, b'{"outputs": [0.2, NaN]}')
    with Client(http_server.url) as client:
        result = client.predict("m", [1, 2.5])
    assert json.loads(http_server.requests[-1][2]) == {
        "signature_name": "serving_default",
        "inputs": {"x": [1.0, 2.5]},
    }
    np.testing.assert_array_equal(result.output, np.float32([0.2, np.nan]))
    assert result.output.dtype == np.float32
    assert (result.model, result.version, result.signature) == ("m", None, "serving_default")


@pytest.mark.parametrize(
    ("chosen", "path"),
    [
        ({}, "/v1/models/a%2Fb:predict"),
        ({"version": 3}, "/v1/models/a%2Fb/versions/3:predict"),
        ({"label": "canary"}, "/v1/models/a%2Fb/labels/canary:predict"),
    ],
)
def test_model_version_and_label_are_in_the_path(http_server: HttpServer, chosen: Any, path: str) -> None:
    answers(http_server, b'{"outputs": [0.5]}')
    with Client(http_server.url) as client:
        client.predict("a/b", [1], **chosen)
    assert http_server.requests[-1][1] == path


def test_signatures_are_fetched_once(http_server: HttpServer) -> None:
    answers(http_server, b'{"outputs": [0.5]}')
    with Client(http_server.url) as client:
        for _ in range(3):
            client.predict("m", [1])
    assert [path for _, path, _ in http_server.requests].count("/v1/models/m/metadata") == 1
    assert http_server.connections == 1


def test_a_new_version_with_other_signatures_is_noticed(http_server: HttpServer) -> None:
    newer = METADATA.replace(b'"x"', b'"z"').replace(b'"version": "7"', b'"version": "8"')
    seen: list[bytes] = [METADATA, newer]

    def answer(handler: Any) -> None:
        if handler.path.endswith("/metadata"):
            reply(handler, seen.pop(0) if len(seen) > 1 else seen[0])
        else:
            reply(handler, b'{"outputs": [0.5]}')

    http_server.answer = answer
    with Client(http_server.url) as client:
        client.predict("m", {"x": [1]})
        client.predict("m", {"z": [1]})
        with pytest.raises(InputError, match="input 'x'; expected one of z"):
            client.predict("m", {"x": [1]})


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, RefusedError, Code.INVALID_ARGUMENT),
        (404, NotFoundError, Code.NOT_FOUND),
        (429, CallError, Code.RESOURCE_EXHAUSTED),
        (500, CallError, Code.INTERNAL),
        (501, CallError, Code.UNIMPLEMENTED),
        (503, UnavailableError, Code.UNAVAILABLE),
        (504, DeadlineError, Code.DEADLINE_EXCEEDED),
    ],
)
def test_the_servers_error_is_an_exception(
    http_server: HttpServer, status: int, kind: type, code: Code
) -> None:
    answers(http_server, (status, b'{"error": "its own words"}'))
    with Client(http_server.url, retries=0) as client, pytest.raises(kind) as caught:
        client.predict("m", [1], version=2)
    error = caught.value
    assert (error.code, error.message, error.http_status) == (code, "its own words", status)
    assert error.model == "model 'm' version 2"
    assert str(error) == f"model 'm' version 2: {code.name}: its own words"


def test_an_error_page_of_something_else_says_so(http_server: HttpServer) -> None:
    answers(http_server, (502, b"<html>bad gateway"))
    with Client(http_server.url, retries=0) as client, pytest.raises(UnavailableError, match="HTTP 502"):
        client.status("m")


def test_unavailable_is_retried(http_server: HttpServer) -> None:
    answers(http_server, (503, b'{"error": "queue full"}'), b'{"outputs": [0.5]}')
    with Client(http_server.url, retries=QUICK) as client:
        assert client.predict("m", [1]).output == 0.5


@pytest.mark.parametrize(
    "body",
    [b"{}", b"[]", b'{"outputs": {"a": 1}}', b'{"outputs": ["a"]}', b"nonsense"],
    ids=lambda b: b.decode(),
)
def test_an_answer_outside_the_protocol_is_refused(http_server: HttpServer, body: bytes) -> None:
    answers(http_server, body)
    with Client(http_server.url) as client, pytest.raises(AnswerError):
        client.predict("m", [1])


def test_a_broken_connection_is_retried(http_server: HttpServer) -> None:
    left = [1, 2]

    def answer(handler: Any) -> None:
        if left and not handler.path.endswith("/metadata"):
            left.pop()
            handler.connection.shutdown(socket.SHUT_RDWR)
            handler.close_connection = True
        else:
            reply(handler, METADATA if handler.path.endswith("/metadata") else b'{"outputs": [0.5]}')

    http_server.answer = answer
    with Client(http_server.url, retries=QUICK) as client:
        assert client.predict("m", [1]).output == 0.5


def test_no_server_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with (
        Client(f"http://127.0.0.1:{port}", retries=QUICK) as client,
        pytest.raises(UnavailableError) as caught,
    ):
        client.predict("m", [1])
    assert caught.value.attempts == 3


def test_a_connection_that_the_server_closed_meanwhile_is_replaced(http_server: HttpServer) -> None:
    def answer(handler: Any) -> None:
        reply(handler, METADATA)
        handler.close_connection = True  # without saying so in a header

    http_server.answer = answer
    with Client(http_server.url, retries=0) as client:
        client.metadata("m")
        time.sleep(0.1)
        client.metadata("m")
    assert http_server.connections == 2


@pytest.mark.parametrize("dripping", [False, True])
def test_the_deadline_holds_for_the_whole_answer(http_server: HttpServer, dripping: bool) -> None:
    gone = threading.Event()

    def answer(handler: Any) -> None:
        if dripping:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not gone.wait(0.05 if dripping else None):
            handler.wfile.write(b" ")
        handler.close_connection = True

    http_server.answer = answer
    with Client(http_server.url, timeout=0.3) as client, pytest.raises(DeadlineError, match="no answer"):
        client.metadata("m")
    gone.set()  # The answer has not ended so far.


def test_threads_share_a_client(http_server: HttpServer) -> None:
    answers(http_server, b'{"outputs": [0.5]}')
    with Client(http_server.url) as client, ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: float(client.predict("m", [1]).output[0]), range(100)))
    assert results == [0.5] * 100
    assert http_server.connections <= 9


def test_outputs_are_filtered_and_unknown_ones_refused(http_server: HttpServer) -> None:
    answers(http_server, b'{"outputs": [0.5]}')
    with Client(http_server.url) as client:
        assert set(client.predict("m", [1], outputs=["y"]).outputs) == {"y"}
        with pytest.raises(InputError, match="output 'z'; expected one of y"):
            client.predict("m", [1], outputs=["z"])
        with pytest.raises(InputError, match="signature 'serving'; expected one of serving_default"):
            client.predict("m", [1], signature="serving")


def test_classify_and_regress_send_examples(http_server: HttpServer) -> None:
    answers(http_server, b'{"results": [[["a", 0.5], ["b", 0.25]], []]}', b'{"results": [1.5, NaN]}')
    with Client(http_server.url) as client:
        classes = client.classify(
            "m", [{"x": 2.0, "t": b"\xff"}, {"x": 1.0}], context={"c": 1}, signature="s"
        )
        values = client.regress("m", {"x": 1.0})
    sent = json.loads(http_server.requests[0][2])
    assert sent == {
        "signature_name": "s",
        "context": {"c": 1},
        "examples": [{"x": 2.0, "t": {"b64": "/w=="}}, {"x": 1.0}],
    }
    assert b"2.0" in http_server.requests[0][2]
    assert [[(c.label, c.score) for c in row] for row in classes.results] == [[("a", 0.5), ("b", 0.25)], []]
    assert classes.labels == ("a", "")
    np.testing.assert_array_equal(values.values, np.float32([1.5, np.nan]))


def test_calls_that_rest_lacks_are_refused(http_server: HttpServer) -> None:
    with Client(http_server.url) as client:
        with pytest.raises(UnsupportedError, match=r"REST API has no such call.*grpc://"):
            client.multi_inference("m", {"x": 1.0}, [])
        with pytest.raises(UnsupportedError, match=r"REST API has no such call.*grpc://"):
            client.reload_config([])
    assert not http_server.requests


def status(state: str, code: str = "OK", message: str = "") -> bytes:
    said = {"version": "7", "state": state, "status": {"error_code": code, "error_message": message}}
    return json.dumps({"model_version_status": [said]}).encode()


def test_wait_until_ready_waits_for_available(http_server: HttpServer) -> None:
    answers(
        http_server,
        (404, b'{"error": "no"}'),
        (503, b"{}"),
        status("START"),
        status("LOADING"),
        status("AVAILABLE"),
    )
    with Client(http_server.url) as client:
        assert client.wait_until_ready("m", every=0.01) == 7
    assert len(http_server.requests) == 5


def test_wait_until_ready_says_what_it_saw_last(http_server: HttpServer, clock: Clock) -> None:
    answers(http_server, status("START"), status("LOADING"))
    with (
        Client(http_server.url) as client,
        pytest.raises(DeadlineError, match="last seen: version 7 LOADING"),
    ):
        client.wait_until_ready("m", timeout=20, every=5)
    assert (len(http_server.requests), clock.now) == (4, 20)


def test_wait_until_ready_does_not_wait_for_a_version_that_failed(http_server: HttpServer) -> None:
    answers(http_server, status("END", "NOT_FOUND", "no variables"))
    with Client(http_server.url) as client:
        with pytest.raises(NotFoundError, match="version 7: NOT_FOUND: it could not be loaded: no variables"):
            client.wait_until_ready("m", version=7, timeout=5)
        with pytest.raises(DeadlineError):
            client.wait_until_ready("m", timeout=0.1, every=0.05)


def test_a_closed_client_says_so(http_server: HttpServer) -> None:
    client = Client(http_server.url)
    client.close()
    with pytest.raises(InputError, match="an open client"):
        client.status("m")


def test_unreadable_keys_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="readable PEM files"):
        Client("https://localhost", tls=Tls(ca=tmp_path / "none.pem"))


def test_headers_are_sent_with_every_call(http_server: HttpServer) -> None:
    seen: list[str] = []

    def answer(handler: Any) -> None:
        seen.append(handler.headers["X-User"])
        reply(handler, METADATA if handler.path.endswith("/metadata") else b'{"outputs": [0.5]}')

    http_server.answer = answer
    with Client(http_server.url, headers={"X-User": "u1"}) as client:
        client.predict("m", [1])
    assert seen == ["u1", "u1"]
