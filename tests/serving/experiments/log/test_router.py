"""The log of a real router process: both APIs in one format, and nothing lost that was answered a second before ``kill -9``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from serving.experiments.log.config import LogConfig
from serving.experiments.log.log import PredictionLog
from serving.wire import client_pb2
from serving.wire.requests_pb2 import Tensor
from serving.wire.tensors import encode
from tests.serving.experiments.log.logged import rows
from tests.serving.http.running import until
from tests.serving.router.grpc.backend import Client, GrpcBackend
from tests.serving.router.running import RestBackend, answer
from tests.serving.router.test_process import Started

DOCUMENT = """
backends: {{main: {{grpc: "{grpc}", rest: "{rest}"}}}}
state: state.db
log: {{directory: predictions, privacy: {{rules: {{user: {{truncate: 1}}}}}}}}
experiments:
  e:
    model: m
    control: old
    unit: {{feature: user}}
    arms: {{old: {{version: 1, weight: 50%}}, new: {{version: 2, weight: 50%}}}}
"""


def tensor(value: Any) -> Any:
    return Tensor.FromString(encode(np.asarray(value)))


def scored(got: Any, context: Any) -> bytes:
    response = client_pb2.PredictResponse()
    response.model_spec.version.value = got.spec.version.value
    response.outputs["score"].CopyFrom(tensor([np.float32(0.25)]))
    return response.SerializeToString()


def request(user: str) -> bytes:
    message = client_pb2.PredictRequest()
    message.model_spec.name = "m"
    message.inputs["x"].CopyFrom(tensor([np.float32(1.5)]))
    message.inputs["user"].CopyFrom(tensor(np.array([user.encode()], object)))
    return message.SerializeToString()


def test_nothing_answered_a_second_ago_is_lost(tmp_path: Path) -> None:
    body = b'{"predictions": [{"score": 0.5}]}'
    with GrpcBackend(scored) as grpc, RestBackend(lambda handler, got: answer(handler, 200, body)) as rest:
        document = DOCUMENT.format(grpc=grpc.address, rest=rest.address)
        (tmp_path / "experiments.yaml").write_text(document)
        router = Started(tmp_path)
        try:
            url = f"http://{router.rest}/v1"
            httpx.post(f"{url}/experiments/e:start", json={}).raise_for_status()
            sent = {"instances": [{"user": "someone", "x": 1}]}
            until(lambda: "penstock-arm" in httpx.post(f"{url}/models/m:predict", json=sent).headers)
            with Client(router.grpc) as client, httpx.Client() as http:
                arms = {}
                for number in range(30):
                    answered = http.post(
                        f"{url}/models/m:predict", json={"instances": [{"user": f"u{number}", "x": 2}]}
                    )
                    arms[answered.headers["penstock-request-id"]] = answered.headers["penstock-arm"]
                    _, trailing = client.call(request(f"u{number}"))
                    arms[trailing["penstock-request-id"]] = trailing["penstock-arm"]
                    assert answered.headers["penstock-arm"] == trailing["penstock-arm"]
                time.sleep(1.0)
                client.call(request("late"))
            metrics = httpx.get(f"http://{router.rest}/metrics").text
        finally:
            router.process.kill()
            router.process.wait()
    assert 'api="grpc",arm="new",code="OK",experiment="e",model="m",version="2"' in metrics
    PredictionLog(LogConfig(), tmp_path).close()  # as the next start does
    logged = {row["request_id"]: row for row in rows(tmp_path / "predictions", "e")}
    assert set(arms) <= set(logged)
    for request_id, arm in arms.items():
        row = logged[request_id]
        assert arm == f"e/{row['arm']}" and row["version"] == (1 if row["arm"] == "old" else 2)
        assert row["propensity"] == 0.5 and row["input_user"] == "u" and len(row["unit"]) == 32
        assert (row["input_x"], row["output_score"]) == ((1.5, 0.25) if row["api"] == "grpc" else (2.0, 0.5))
    assert {logged[one]["api"] for one in arms} == {"grpc", "rest"}
