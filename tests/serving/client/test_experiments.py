"""The client sends units and rewards, and says which arm answered, over both transports."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from serving.client import Arm, Client, InputError, Receipt, RefusedError
from tests.serving.client.conftest import METADATA, GrpcServer, HttpServer, reply
from tests.serving.client.grpc.test_grpc import model

ROUTED = Arm("new_model", "new", "r-1")


def rest(server: HttpServer, *, arm: bool = True) -> list[dict[str, str]]:
    """Answers as a router does; returns the list that fills with each request's headers."""
    seen: list[dict[str, str]] = []

    def answer(handler: Any) -> None:
        seen.append({name.lower(): value for name, value in handler.headers.items()})
        if handler.path.endswith("/metadata"):
            reply(handler, METADATA)
            return
        body = b'{"outputs": [2.0]}' if "models" in handler.path else b'{"status": "accepted"}'
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        if arm:
            handler.send_header("Penstock-Arm", "new_model/new")
            handler.send_header("Penstock-Request-Id", "r-1")
        handler.end_headers()
        handler.wfile.write(body)

    server.answer = answer
    return seen


def test_a_unit_goes_with_the_call_and_the_arm_comes_back_over_rest(http_server: HttpServer) -> None:
    seen = rest(http_server)
    with Client(http_server.url) as client:
        answer = client.predict("m", {"x": [1.0]}, unit="user-17")
        client.predict("m", {"x": [1.0]})
    assert answer.arm == ROUTED
    assert [headers.get("penstock-unit") for headers in seen] == ["user-17", "user-17", None]


def test_a_unit_goes_with_the_call_and_the_arm_comes_back_over_grpc(grpc_server: GrpcServer) -> None:
    seen = []

    def answer(name: str, request: bytes, context: Any) -> bytes:
        seen.append(dict(context.invocation_metadata()).get("x-user"))
        context.set_trailing_metadata((("penstock-arm", "new_model/new"), ("penstock-request-id", "r-1")))
        return model(name, request, context)

    grpc_server.answer = answer
    with Client(grpc_server.url, unit_header="X-User") as client:
        assert client.predict("m", {"x": [1.0]}, unit="user-17").arm == ROUTED
    assert seen == ["user-17", "user-17"]


def test_an_answer_without_an_experiment_has_no_arm_and_no_reward(http_server: HttpServer) -> None:
    rest(http_server, arm=False)
    with Client(http_server.url) as client:
        answer = client.predict("m", {"x": [1.0]})
        asked = len(http_server.requests)
        assert answer.arm is None
        assert client.reward(answer, 1) == Receipt("no experiment")
    assert len(http_server.requests) == asked


def test_a_reward_names_its_request_or_its_unit(http_server: HttpServer) -> None:
    rest(http_server)
    with Client(http_server.url) as client:
        answer = client.predict("m", {"x": [1.0]}, unit="user-17")
        assert client.reward(answer, np.int64(1)).counted
        assert client.reward("new model/2", 2.5, unit="user-17", metric="minutes").counted
    paths, bodies = zip(*[(path, body) for _, path, body in http_server.requests[-2:]], strict=True)
    assert paths == ("/v1/experiments/new_model:reward", "/v1/experiments/new%20model%2F2:reward")
    assert [json.loads(body) for body in bodies] == [
        {"request_id": "r-1", "value": 1},
        {"unit": "user-17", "metric": "minutes", "value": 2.5},
    ]


def test_rewards_of_a_grpc_client_go_to_the_rest_address_with_the_token(
    http_server: HttpServer, grpc_server: GrpcServer
) -> None:
    seen = rest(http_server)
    with Client(grpc_server.url, rewards=http_server.url, reward_token="s3cret") as client:
        client.reward("new_model", 0, request_id="r-1")
    assert seen[-1]["authorization"] == "Bearer s3cret"
    with Client(grpc_server.url) as client, pytest.raises(InputError, match="rewards='http://HOST:8501'"):
        client.reward("new_model", 0, request_id="r-1")


def test_a_refused_reward_is_an_error_with_the_servers_words(http_server: HttpServer) -> None:
    http_server.answer = lambda handler: reply(handler, b'{"error": "value: expected 0 or 1, seen 3"}', 400)
    with Client(http_server.url) as client, pytest.raises(RefusedError, match="expected 0 or 1, seen 3"):
        client.reward("new_model", 3, unit="user-17")


@pytest.mark.parametrize(
    "unit", ["", " a", "a\n", "\u00fc", "x" * 1025], ids=["empty", "space", "line", "umlaut", "long"]
)
def test_a_unit_that_no_header_can_carry_is_refused_before_it_is_sent(
    http_server: HttpServer, unit: str
) -> None:
    with Client(http_server.url) as client, pytest.raises(InputError, match="unit"):
        client.predict("m", {"x": [1.0]}, unit=unit)
    assert not http_server.requests


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "1", None], ids=["nan", "inf", "text", "none"])
def test_a_reward_is_a_finite_number(http_server: HttpServer, value: Any) -> None:
    with Client(http_server.url) as client, pytest.raises(InputError, match="finite number"):
        client.reward("new_model", value, unit="user-17")


def test_a_reward_is_about_a_unit_or_a_request_not_both(http_server: HttpServer) -> None:
    with Client(http_server.url) as client:
        with pytest.raises(InputError, match="neither"):
            client.reward("new_model", 1)
        with pytest.raises(InputError, match="both"):
            client.reward("new_model", 1, unit="a", request_id="b")
