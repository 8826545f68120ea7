"""Promotion over a router's control endpoint: a document, its state and HTTP are real, the model servers are doubles."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serving.experiments.hosted import Hosted
from serving.experiments.state.lifecycle import Phase, read_lifecycle
from serving.promotion import promotion as promoting
from serving.promotion.hosted import promoter_of
from tests.serving.promotion.doubles import Double

DOCUMENT = """
backends: {main: {grpc: 127.0.0.1:1, models: main.config}}
experiments:
  exam: {model: m, control: old, arms: {old: {label: stable}, new: {label: canary}}, reward: {metric: passed}}
"""


@pytest.fixture
def hosted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Hosted, Double]]:
    (tmp_path / "experiments.yaml").write_text(DOCUMENT)
    server = Double("main", tmp_path / "main.config")
    monkeypatch.setattr(promoting, "connected", lambda *_: contextlib.nullcontext({"main": server}))
    found = Hosted(tmp_path / "experiments.yaml", ["127.0.0.1"], (), promoter_of)
    yield found, server
    found.close()


def post(hosted: Hosted, verb: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    headers = [(b"content-type", b"application/json"), (b"host", b"127.0.0.1")]
    target = f"/v1/experiments/exam:{verb}"
    answer = asyncio.run(hosted.control.handle("POST", target, headers, json.dumps(body).encode()))
    return answer.status, json.loads(answer.body)


def test_a_router_promotes_and_rolls_back(hosted: tuple[Hosted, Double]) -> None:
    on, server = hosted
    assert post(on, "start", {})[0] == 200
    status, answer = post(on, "promote", {"arm": "new"})
    assert status == 409
    assert "--anyway" in answer["error"]
    status, answer = post(on, "promote", {"arm": "new", "anyway": True, "by": "ada"})
    assert status == 200, answer
    assert server.labels["stable"] == 2
    assert read_lifecycle(on.live.store, "exam").phase is Phase.PROMOTED
    assert "not in the lineage" in on.live.store.events("exam")[-1].text
    assert "ada over HTTP" in on.live.store.events("exam")[-1].text
    on.live.tick()
    route = on.live.route("m")
    assert route is not None
    choice = route.choose("anybody", "r", None)
    assert choice is not None
    assert choice.target.label == "stable"  # the next candidate's canary must not get everything
    assert post(on, "rollback", {})[0] == 200
    assert server.labels["stable"] == 1


def test_a_server_that_does_not_answer_is_a_bad_gateway(hosted: tuple[Hosted, Double]) -> None:
    on, server = hosted
    post(on, "start", {})
    server.silent = True
    status, answer = post(on, "promote", {"anyway": True})
    assert status == 502
    assert "no connection" in answer["error"]
    assert read_lifecycle(on.live.store, "exam").phase is Phase.RUNNING


@pytest.mark.parametrize(
    "body", [{"anyway": "yes"}, {"arm": 3}, {"labels": "x"}], ids=["anyway", "arm", "key"]
)
def test_a_wrong_body_does_nothing(hosted: tuple[Hosted, Double], body: dict[str, Any]) -> None:
    on, server = hosted
    post(on, "start", {})
    assert post(on, "promote", body)[0] == 400
    assert server.reloads == []
