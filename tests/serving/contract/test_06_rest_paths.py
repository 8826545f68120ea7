"""Contract, sections 6.1 and 6.6: paths, methods, encodings and CORS of the REST API."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from tests.serving.server_process import ServerProcess

pytestmark = pytest.mark.integration

BODY = b'{"instances": [1.0, 2.0]}'


def _asked(server: ServerProcess, method: str, path: str, body: bytes | None = None, **headers: str) -> Any:
    """The status, headers and body of one request, its path sent as it stands."""
    connection = http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=20)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/v1/models/versions:predict", [3.0, 3.0], id="6.1: latest"),
        pytest.param("/v1/models/versions/versions/1:predict", [1.0, 1.0], id="6.1: by version"),
        pytest.param("/v1/models/versions/labels/canary:predict", [2.0, 2.0], id="6.1: by label"),
        pytest.param("/v1/models/zero/versions/0:predict", [3.5, 4.0], id="6.1: version 0"),
        pytest.param(
            f"/v1/models/{quote('odd näme &1.0')}:predict", [2.5, 3.0], id="6.1: percent-encoded name"
        ),
        pytest.param("/V1/MODELS/versions/VERSIONS/2:predict", [2.0, 2.0], id="6.1: words in any case"),
        pytest.param(
            "/v1/models/versions/Labels/stable:predict", [1.0, 1.0], id="6.1: label word in any case"
        ),
    ],
)
def test_predict_paths(server: ServerProcess, path: str, expected: list[float]) -> None:
    status, headers, body = _asked(server, "POST", path, BODY)
    assert (status, json.loads(body)) == (200, {"predictions": expected})
    assert headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/models/versions:explain"),
        ("POST", "/v1/models/versions"),
        ("POST", "/v1/models/versions:predict/"),
        ("POST", "/v1/models/versions:predict?a=b"),
        ("POST", "/v1/models/versions/versions/x:predict"),
        ("POST", "/v1/models/versions/versions/-1:predict"),
        ("POST", "/v1/models/:predict"),
        ("POST", "/v1/models/versions/labels/:predict"),
        ("POST", "/v1/models/a/b:predict"),
        ("POST", "/v1/models/a:b:predict"),
        ("POST", "/v1/models/versions:PREDICT"),
        ("POST", "/v1/models/versions/metadata"),
        ("GET", "/v1/models/versions:predict"),
        ("GET", "/v1/models/versions/versions/1/labels/stable"),
        ("GET", "/v1/nothing"),
        ("GET", "/v1/"),
        ("PUT", "/v1/models/versions:predict"),
        ("DELETE", "/v1/models/versions"),
        ("OPTIONS", "/v1/models/versions:predict"),
    ],
    ids=lambda value: f"6.1: {value}",
)
def test_malformed_requests(server: ServerProcess, method: str, path: str) -> None:
    status, headers, body = _asked(server, method, path, BODY if method != "GET" else None)
    assert (status, json.loads(body)) == (400, {"error": f"Malformed request: {method} {path}"})
    assert headers["Content-Type"] == "application/json"


def test_6_1_models_are_not_listed(server: ServerProcess) -> None:
    status, _, body = _asked(server, "GET", "/v1/models")
    assert (status, json.loads(body)) == (400, {"error": "Missing model name in request."})


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", ":predict"), ("GET", ""), ("GET", "/metadata")],
    ids=["6.1: predict", "6.1: status", "6.1: metadata"],
)
def test_a_version_over_int64(server: ServerProcess, method: str, path: str) -> None:
    number = str(2**63)
    status, _, body = _asked(
        server, method, f"/v1/models/versions/versions/{number}{path}", BODY if method == "POST" else None
    )
    assert (status, json.loads(body)) == (400, {"error": f"Failed to convert version: {number} to numeric."})


@pytest.mark.parametrize("path", ["/", "/v2/models/versions", "/models/versions:predict", "/monitoring"])
def test_6_1_paths_outside_v1_are_html_404(server: ServerProcess, path: str) -> None:
    status, headers, body = _asked(server, "GET", path)
    assert status == 404 and headers["Content-Type"].startswith("text/html")
    assert b"<html" in body.lower()


def test_6_1_a_query_of_a_get_becomes_part_of_the_name(server: ServerProcess) -> None:
    assert _asked(server, "GET", "/v1/models/versions?x=1")[0] == 404


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "text/plain", "image/png", "application/json"]
)
def test_6_1_the_content_type_of_a_request_is_ignored(server: ServerProcess, content_type: str) -> None:
    status, _, body = _asked(
        server, "POST", "/v1/models/half_plus_two:predict", BODY, Content_Type=content_type
    )
    assert (status, json.loads(body)) == (200, {"predictions": [2.5, 3.0]})


def test_6_1_errors_are_one_key_of_json(rest: httpx.Client) -> None:
    answer = rest.post("/v1/models/nobody:predict", content=BODY)
    assert answer.status_code == 404 and answer.headers["content-type"] == "application/json"
    assert answer.json() == {"error": "Servable not found for request: Latest(nobody)"}


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        pytest.param(
            "/v1/models/versions/versions/9:predict",
            404,
            "Servable not found for request: Specific(versions, 9)",
            id="6.1: unknown version",
        ),
        pytest.param(
            "/v1/models/versions/labels/beta:predict",
            400,
            "Unrecognized servable version label: beta",
            id="6.1: unknown label",
        ),
    ],
)
def test_errors_of_the_model_spec(rest: httpx.Client, path: str, status: int, text: str) -> None:
    answer = rest.post(path, content=BODY)
    assert (answer.status_code, answer.json()) == (status, {"error": text})


def test_6_1_connections_are_kept(server: ServerProcess) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=20)
    try:
        for path in ("/v1/models/half_plus_two:predict", "/v1/models/nobody:predict") * 3:
            connection.request("POST", path, BODY)
            first = connection.sock
            assert connection.getresponse().read() and connection.sock is first is not None
    finally:
        connection.close()


def test_6_1_chunked_requests(rest: httpx.Client) -> None:
    def chunks() -> Iterator[bytes]:
        yield BODY[:7]
        yield BODY[7:]

    answer = rest.post("/v1/models/half_plus_two:predict", content=chunks())
    assert answer.request.headers["transfer-encoding"] == "chunked"
    assert answer.json() == {"predictions": [2.5, 3.0]}


def test_6_1_requests_in_a_pipeline(server: ServerProcess) -> None:
    head = b"POST /v1/models/half_plus_two:predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"
    with socket.create_connection(("127.0.0.1", server.rest_port), 20) as sock:
        sock.sendall(b"".join(head % (len(b), b) for b in (b'{"instances":[1.0]}', b'{"instances":[4.0]}')))
        sock.settimeout(20)
        received = b""
        while received.count(b"predictions") < 2:
            piece = sock.recv(65536)
            assert piece, received
            received += piece
    assert received.index(b"2.5") < received.index(b"4.0")


def _raw(server: ServerProcess, *pieces: bytes) -> bytes:
    """Sends raw bytes and returns everything until the connection ends."""
    with socket.create_connection(("127.0.0.1", server.rest_port), 10) as sock:
        for piece in pieces:
            sock.sendall(piece)
        sock.shutdown(socket.SHUT_WR)
        received = b""
        while piece := sock.recv(65536):
            received += piece
    return received


def test_6_1_a_client_that_waits_for_100_continue(server: ServerProcess) -> None:
    """As curl does before it sends a body of more than a megabyte."""
    head = (
        b"POST /v1/models/half_plus_two:predict HTTP/1.1\r\nHost: x\r\n"
        b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.rest_port), 10) as sock:
        sock.sendall(head % len(BODY))
        assert sock.recv(65536).startswith(b"HTTP/1.1 100")
        sock.sendall(BODY)
        assert b"2.5" in sock.recv(65536)


def test_6_1_http_1_0(server: ServerProcess) -> None:
    answer = _raw(
        server,
        b"POST /v1/models/half_plus_two:predict HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY),
    )
    assert answer.split(b"\r\n")[0].endswith(b"200 OK") and b"2.5" in answer


@pytest.mark.parametrize(
    "request_bytes",
    [
        pytest.param(b"no http at all\r\n\r\n", id="6.1: no HTTP"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01", id="6.1: TLS"),
        pytest.param(
            b"POST /v1/models/m:predict HTTP/1.1\r\nContent-Length: many\r\n\r\n", id="6.1: bad length"
        ),
        pytest.param(b"GET / HTTP/1.1\r\nX: " + b"x" * 2_000_000 + b"\r\n\r\n", id="6.1: a header of 2 MB"),
        pytest.param(
            b"POST /v1/models/m:predict HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            id="6.1: bad chunk",
        ),
        pytest.param(
            b"POST /v1/models/half_plus_two:predict HTTP/1.1\r\nContent-Length: 100\r\n\r\n{",
            id="6.1: body cut short",
        ),
    ],
)
def test_bytes_that_are_no_request(server: ServerProcess, request_bytes: bytes) -> None:
    try:
        answer = _raw(server, request_bytes)
    except (ConnectionResetError, BrokenPipeError):
        answer = b""
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4"), answer[:200]
    assert _asked(server, "POST", "/v1/models/half_plus_two:predict", BODY)[0] == 200
    assert "Traceback" not in server.log


def test_6_1_clients_that_leave_free_what_they_held(server: ServerProcess) -> None:
    body = b'{"instances": [300.0]}'
    head = b"POST /v1/models/slow:predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    for _ in range(40):
        with socket.create_connection(("127.0.0.1", server.rest_port), 10) as sock:
            sock.sendall(head + body)
    assert _asked(server, "POST", "/v1/models/half_plus_two:predict", BODY)[0] == 200
    assert "Traceback" not in server.log


def test_6_1_gzip_is_inflated_and_answers_are_not_compressed(server: ServerProcess) -> None:
    status, headers, body = _asked(
        server,
        "POST",
        "/v1/models/half_plus_two:predict",
        gzip.compress(BODY),
        Content_Encoding="gzip",
        Accept_Encoding="gzip",
    )
    assert (status, json.loads(body)) == (200, {"predictions": [2.5, 3.0]})
    assert headers["Content-Encoding"] is None


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"no gzip at all", id="6.1: no gzip at all"),
        pytest.param(gzip.compress(BODY)[:-12], id="6.1: gzip cut short"),
        pytest.param(gzip.compress(b" " * (101 << 20), 1), id="6.1: gzip over 100 MB"),
    ],
)
def test_broken_gzip_is_an_empty_body(server: ServerProcess, body: bytes) -> None:
    path = "/v1/models/half_plus_two:predict"
    status, _, answer = _asked(server, "POST", path, body, Content_Encoding="gzip")
    assert (status, json.loads(answer)) == (400, {"error": "JSON Parse error: The document is empty"})


def test_6_1_big_bodies_pass_both_ways(rest: httpx.Client) -> None:
    rows = [float(number) for number in range(1_000_000)]
    answer = rest.post("/v1/models/types:predict", content=json.dumps({"instances": rows}))
    assert answer.status_code == 200 and answer.json() == {"predictions": rows}


def test_6_6_no_cors_headers_by_default(server: ServerProcess) -> None:
    _, headers, _ = _asked(server, "GET", "/v1/models/versions", Origin="http://a.example")
    assert not [name for name in headers if name.lower().startswith("access-control")]
