"""The endpoints beside the data plane: a reward that follows its answer at once is known."""

from __future__ import annotations

import asyncio
import json

import pytest

from serving.experiments.live import live
from serving.experiments.live.endpoints import endpoints
from tests.serving.experiments.live.conftest import Open, experiment

JSON = [(b"content-type", b"application/json"), (b"host", b"127.0.0.1")]


def test_a_reward_right_after_its_answer_does_not_wait_for_the_next_tick(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "TICK", 3600.0)
    plane = opened(experiment())
    plane.start("e")
    control = endpoints(plane.live, ["127.0.0.1"])

    async def asked() -> list[str]:
        statuses = []
        for n in range(5):
            _, request = plane.call(f"user-{n}")
            body = json.dumps({"request_id": request, "value": 1}).encode()
            answer = await control.handle("POST", "/v1/experiments/e:reward", JSON, body)
            statuses.append(json.loads(answer.body)["status"])
        return statuses

    assert asyncio.run(asked()) == ["accepted"] * 5
    control.close()
