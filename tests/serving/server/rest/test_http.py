"""The REST API over a real socket, in front of a fake model."""

from __future__ import annotations

import gc
import gzip
import json
import logging
import math
import sys
import types
from collections.abc import Iterator

import numpy as np
import pytest

from serving.server.config.options import Options
from serving.server.status import Code, ServingError
from tests.serving.http.running import until
from tests.serving.server.rest.running import RunningServer


def test_predict_in_rows_and_columns(server: RunningServer) -> None:
    answer = server.predict({"instances": [1, 2.5]})
    assert (answer.status_code, answer.json()) == (200, {"predictions": [1.0, 2.5]})
    assert answer.headers["content-type"] == "application/json"
    assert "date" in answer.headers
    assert server.predict({"inputs": 1}).json() == {"outputs": 1.0}
    assert [name for name, _, _ in server.model.seen] == ["serving_default"] * 2
    assert server.model.seen[0][2] == 30000


@pytest.mark.parametrize("path", ["/v1/models/m/versions/2:predict", "/v1/models/m/labels/best:predict", "/V1/models/m:predict"])  # fmt: skip
def test_other_ways_to_the_same_version(server: RunningServer, path: str) -> None:
    assert server.predict({"instances": [1]}, path).json() == {"predictions": [1.0]}


def test_signatures(server: RunningServer) -> None:
    rows = {"signature_name": "pair", "instances": [{"a": 1.5, "b": 2}]}
    assert server.predict(rows).json() == {"predictions": [{"a": 1.5, "b": 2}]}
    assert server.predict({"signature_name": "", "instances": [1]}).status_code == 200
    answer = server.predict({"signature_name": "nope", "instances": [1]})
    assert answer.status_code == 400
    assert answer.json() == {"error": 'Serving signature name: "nope" not found in signature def'}


def test_words_that_strict_json_lacks(server: RunningServer) -> None:
    answer = server.predict('{"instances": [NaN, Infinity, -Inf]} and more')
    assert answer.status_code == 200
    values = json.loads(answer.text)["predictions"]
    assert math.isnan(values[0])
    assert values[1:] == [math.inf, -math.inf]


def test_classify_and_regress(server: RunningServer) -> None:
    body = {"examples": [{"x": 2.0}, {"x": 3.0}]}
    classified = server.predict(body, "/v1/models/m:classify")
    assert classified.json() == {"results": [[["cat", 0.75], ["dog", 0.25]]] * 2}
    assert server.predict(body, "/v1/models/m:regress").json() == {"results": [2.5, 2.5]}


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (Code.INVALID_ARGUMENT, 400), (Code.FAILED_PRECONDITION, 400), (Code.OUT_OF_RANGE, 400),
        (Code.UNAUTHENTICATED, 401), (Code.PERMISSION_DENIED, 403), (Code.NOT_FOUND, 404), (Code.ALREADY_EXISTS, 409),
        (Code.ABORTED, 409), (Code.RESOURCE_EXHAUSTED, 429), (Code.CANCELLED, 499), (Code.UNIMPLEMENTED, 501),
        (Code.UNAVAILABLE, 503), (Code.DEADLINE_EXCEEDED, 504), (Code.INTERNAL, 500), (Code.DATA_LOSS, 500),
    ],
)  # fmt: skip
def test_statuses(server: RunningServer, code: Code, status: int) -> None:
    server.model.error = ServingError(code, 'what "went" wrong\n')
    answer = server.predict({"instances": [1]})
    assert (answer.status_code, answer.json()) == (status, {"error": 'what "went" wrong\n'})


def test_an_unexpected_error_is_one_line_for_the_client(
    server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.model.error = ZeroDivisionError("secret")
    with caplog.at_level(logging.ERROR):
        answer = server.predict({"instances": [1]})
    assert (answer.status_code, answer.json()) == (500, {"error": "Internal error; see the server's log."})
    assert "ZeroDivisionError: secret" in caplog.text


def test_leases_are_released(server: RunningServer) -> None:
    server.manager.leases.clear()
    server.predict({"instances": [1]})
    server.predict({"instances": ["a"]})
    server.model.error = ZeroDivisionError()
    server.predict({"instances": [1]})
    assert [lease.released for lease in server.manager.leases] == [1, 1, 1]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/v1/models/n:predict", "Servable not found for request: Latest(n)"),
        ("/v1/models/m/versions/9:predict", "Servable not found for request: Specific(m, 9)"),
    ],
)
def test_models_that_are_not_there(server: RunningServer, path: str, message: str) -> None:
    answer = server.predict({"instances": [1]}, path)
    assert (answer.status_code, answer.json()) == (404, {"error": message})
    assert server.predict(b"{", path).json()["error"].startswith("JSON Parse error: ")


def test_an_unknown_label(server: RunningServer) -> None:
    answer = server.predict({"instances": [1]}, "/v1/models/m/labels/worst:predict")
    assert (answer.status_code, answer.json()) == (
        400,
        {"error": "Unrecognized servable version label: worst"},
    )


def test_status(server: RunningServer) -> None:
    healthy = {"error_code": "OK", "error_message": ""}
    assert server.client.get("/v1/models/m").json() == {
        "model_version_status": [
            {"version": "2", "state": "AVAILABLE", "status": healthy},
            {"version": "1", "state": "END", "status": healthy},
        ]
    }
    answer = server.client.get("/v1/models/n")
    assert (answer.status_code, answer.json()) == (404, {"error": "Could not find any versions of model n"})


def test_paths_outside_the_api(server: RunningServer) -> None:
    answer = server.client.get("/other")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "text/html"
    assert "<H1>Not Found</H1>" in answer.text
    assert server.client.get("/monitoring/prometheus/metrics").status_code == 404


def test_other_methods(server: RunningServer) -> None:
    answer = server.client.put("/v1/models/m:predict", content=b"{}")
    assert (answer.status_code, answer.json()) == (
        400,
        {"error": "Malformed request: PUT /v1/models/m:predict"},
    )
    assert server.client.head("/v1/models/m").content == b""
    assert server.client.request("OPTIONS", "/v1/models/m").status_code == 400
    asked = server.client.request("OPTIONS", "/v1/models/m", headers={"Origin": "http://a"})
    assert (asked.status_code, asked.content) == (200, b"")
    assert "access-control-allow-origin" not in asked.headers


def test_gzip(server: RunningServer) -> None:
    body = gzip.compress(b'{"instances": [1]}')
    headers = {"Content-Encoding": "gzip"}
    assert server.predict(body, headers=headers).json() == {"predictions": [1.0]}
    for broken in (b"no gzip", body[:-4], b""):
        answer = server.predict(broken, headers=headers)
        assert (answer.status_code, answer.json()) == (
            400,
            {"error": "JSON Parse error: The document is empty"},
        )


def test_a_gzip_bomb_is_an_empty_body(server: RunningServer) -> None:
    bomb = gzip.compress(b" " * (101 * 1024 * 1024), 9)
    answer = server.predict(bomb, headers={"Content-Encoding": "gzip"})
    assert (answer.status_code, answer.json()) == (400, {"error": "JSON Parse error: The document is empty"})


def test_chunked_requests(server: RunningServer) -> None:
    def pieces() -> Iterator[bytes]:
        yield b'{"insta'
        yield b'nces": [1, 2]}'

    answer = server.client.post("/v1/models/m:predict", content=pieces())
    assert answer.json() == {"predictions": [1.0, 2.0]}


def test_large_bodies_go_both_ways(server: RunningServer) -> None:
    values = [[float(number)] for number in range(100_000)]
    answer = server.predict({"instances": values})
    assert answer.json() == {"predictions": values}


def test_no_cors_headers_by_default(server: RunningServer) -> None:
    assert not [name for name in server.predict({"instances": [1]}).headers if name.startswith("access-")]


def test_health(server: RunningServer) -> None:
    assert server.client.get("/healthz/live").json() == {"status": "live"}
    assert server.client.get("/healthz/ready").json() == {"status": "ready"}
    known = server.manager.known
    known["late"] = []
    answer = server.client.get("/healthz/ready")
    del known["late"]
    assert (answer.status_code, answer.json()) == (503, {"status": "not ready", "models": ["late"]})


def test_strings_that_are_not_utf8_pass(server: RunningServer) -> None:
    server.model.outputs = {"s": np.array([b"\xff", b"ok"], object)}
    assert server.predict({"signature_name": "text", "instances": ["a"]}).content.count(b'"\xff"') == 1


def test_a_lone_surrogate_is_refused(server: RunningServer) -> None:
    answer = server.predict('{"signature_name": "text", "instances": ["\\ud800"]}')
    assert (answer.status_code, answer.json()["error"]) == (
        400,
        "JSON Parse error: The surrogate pair in string is invalid.",
    )


def test_cors_and_monitoring() -> None:
    server = RunningServer(
        Options(rest_api_enable_cors_support=True, monitoring_path="/monitoring/prometheus/metrics")
    )
    try:
        for answer in (server.predict({"instances": [1]}), server.predict(b"{")):
            assert answer.headers["access-control-allow-origin"] == "*"
            assert answer.headers["access-control-allow-methods"] == "POST, GET"
            assert answer.headers["access-control-allow-headers"] == "Content-Type"
        asked = server.client.request("OPTIONS", "/v1/models/m:predict", headers={"Origin": "https://a"})
        assert (asked.status_code, asked.content) == (200, b"")
        assert server.client.request("OPTIONS", "/v1/models/m:predict").status_code == 400
        page = server.client.get("/monitoring/prometheus/metrics")
        assert page.headers["content-type"] == "text/plain"
        assert ':tensorflow:serving:request_count{model_name="m",status="OK"} 1\n' in page.text
    finally:
        server.stop()


@pytest.mark.parametrize("rank", [63, 64, 65, 66, 200, 254, 255, 800])
@pytest.mark.parametrize("form", ["inputs", "instances", "objects"])
def test_tensors_of_many_dimensions(server: RunningServer, rank: int, form: str) -> None:
    """NumPy ends at 64 dimensions: the rest is refused, never an internal error."""
    value = "[" * rank + "1" + "]" * rank
    body = {
        "inputs": f'{{"inputs": {value}}}',
        "instances": f'{{"instances": [{value}, {value}]}}',
        "objects": f'{{"instances": [{{"x": {value}}}, {{"x": {value}, "y": 1}}]}}',
    }[form]
    answer = server.predict(body)
    limit = {"inputs": 64, "instances": 63, "objects": 0}[form]
    assert answer.status_code == (200 if rank <= limit else 400), answer.text[:200]
    if 64 < rank < 255 and form != "objects":
        assert answer.json()["error"].endswith("dimensions; this server handles at most 64")


def test_base64_with_much_white_space(server: RunningServer) -> None:
    spaced = "Y Q\\n" * 200_000 + "YQ=="
    assert server.predict(
        f'{{"signature_name": "text", "instances": [{{"b64": "{spaced}"}}]}}'
    ).status_code in (200, 400)


def test_what_inflates_beyond_the_budget_is_refused() -> None:
    """By the size of the inflated text, and by what its values take: 413 if it can never fit, 503 if not now."""
    server = RunningServer(Options(rest_api_max_bytes_in_flight=20_000_000))
    headers = {"Content-Encoding": "gzip"}
    try:
        for unit in (b"[],", b'"",', b"{},", b"1.5,", b"    "):
            bomb = gzip.compress(b'{"instances": [' + unit * (60_000_000 // len(unit)) + b"1]}")
            answer = server.predict(bomb, headers=headers)
            assert answer.status_code == 413, unit
            assert "that all requests may hold" in answer.json()["error"]
        lists = b'{"instances": [' + b"[]," * 500_000 + b"[]]}"
        assert server.predict(lists).status_code == 413
        assert server.predict({"instances": [1]}).status_code == 200
        budget = server.budget()
        budget.overdraw(15_000_000)
        assert server.predict(gzip.compress(b" " * 8_000_000), headers=headers).status_code == 503
        budget.give(15_000_000)
        until(lambda: budget.taken == 0)
    finally:
        server.stop()


def test_a_run_of_one_form_is_read_like_many(server: RunningServer) -> None:
    """Large bodies take another way than small ones; values and forms are the same."""
    many = 40_000
    assert server.predict({"instances": [0.5] * many}).json() == {"predictions": [0.5] * many}
    pairs = {"signature_name": "pair", "instances": [{"a": 0.5, "b": n} for n in range(many)]}
    assert server.predict(pairs).json() == {"predictions": pairs["instances"]}
    nested = {"inputs": [[[1.0, 2.0]] * 3] * many}
    assert server.predict(nested).json() == {"outputs": nested["inputs"]}
    words = {"signature_name": "text", "inputs": ["ä,[\\" + str(n) for n in range(many)]}
    assert server.predict(words).json() == {"outputs": words["inputs"]}
    wrong = server.predict({"instances": [0.5] * many + ["a"]})
    assert wrong.status_code == 400
    assert wrong.json()["error"].startswith(f"Failed to process element: {many} of 'instances' list.")


@pytest.mark.parametrize("size", [1, 50_000], ids=["read on the loop", "read in a thread"])
@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b'{"instances": [%b}', {}),
        (b'{"instances": [%b "a"]}', {}),
        (b'{"signature_name": "none", "instances": [%b 1]}', {}),
        (b'{"signature_name": "text", "instances": [{"b64": "?"}, %b 1]}', {}),
        (b'{"instances": ["\\ud800", %b 1]}', {}),
        (b'{"instances": [[%b [1]], 1]}', {}),
        (b'{"instances": [%b 1]}', {"error": "yes"}),
        (b'{"instances": [%b 1]}', {}),
        (b"%b no gzip", {"Content-Encoding": "gzip"}),
    ],
)
def test_nothing_of_a_request_waits_for_the_garbage_collector(
    server: RunningServer, body: bytes, headers: dict[str, str], size: int
) -> None:
    """No reference cycle of error, frame and future keeps the body, which may be large."""
    server.predict({"instances": [1]})
    if headers.pop("error", ""):
        server.model.error = ServingError(Code.ABORTED, "no")
    gc.collect()
    earlier = _kept()  # of other tests in this process, such as one that failed
    gc.disable()
    try:
        server.predict(body.replace(b"%b", b"1," * size), headers=headers)
        server.model.seen.clear()
        server.model.error = None
        until(lambda: _kept().keys() <= earlier.keys())
    finally:
        gc.enable()


def _kept() -> dict[int, object]:
    """Returns what Python holds of requests, by identity; the objects are held, so that none is taken for another."""
    return {id(kept): kept for kept in gc.get_objects() if _of_a_request(kept)}


def _of_a_request(kept: object) -> bool:
    """Whether an object is a frame or a future of a request, or an error with its frames."""
    if isinstance(kept, types.FrameType):
        return kept.f_code.co_filename.endswith(("rest/api.py", "rest/work.py", "rest/predict_request.py"))
    return isinstance(kept, ServingError) and kept.__traceback__ is not None and kept is not sys.exception()
