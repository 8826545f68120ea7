"""What the prediction log and the metrics cost for each answer: CPU time of the thread that takes them.

``python -m benchmarks.prediction_log`` prints a Markdown table: best and median of batches of 250 answers.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from serving.experiments.contract import Choice, Outcome, Target
from serving.experiments.log.config import LogConfig
from serving.experiments.log.log import PredictionLog
from serving.experiments.metrics.metrics import Metrics
from serving.wire import client_pb2
from serving.wire.requests_pb2 import Tensor
from serving.wire.tensors import encode

BATCH, BATCHES = 250, 24


def rest(number: int, features: int) -> tuple[bytes, bytes]:
    row = {f"feature_{name}": number + name + 0.5 for name in range(features)}
    return json.dumps({"instances": [row]}).encode(), b'{"predictions": [0.5]}'


def grpc(number: int, features: int) -> tuple[bytes, bytes]:
    request, response = client_pb2.PredictRequest(), client_pb2.PredictResponse()
    for name in range(features):
        _put(request.inputs[f"feature_{name}"], number + name + 0.5)
    _put(response.outputs["score"], 0.5)
    return request.SerializeToString(), response.SerializeToString()


def _put(field: Any, value: float) -> None:
    field.CopyFrom(Tensor.FromString(encode(np.array([[value]], np.float32))))


BODIES: dict[str, Callable[[int, int], tuple[bytes, bytes]]] = {"grpc": grpc, "rest": rest}


def measure(api: str, features: int) -> tuple[list[float], list[float]]:
    """Returns microseconds of CPU time an answer of each batch: for the log, and for the metrics after it."""
    choice = Choice("e", "new", Target("m", 1), 0.5, b"\1" * 16, "0123456789ab", 1)

    def batch(first: int) -> list[tuple[Choice, Outcome]]:
        made = (BODIES[api](number, features) for number in range(first, first + BATCH))
        return [
            (choice, Outcome(f"{first}-{n}", api, "predict", time.time(), 0.001, 0, request, response, 1))
            for n, (request, response) in enumerate(made)
        ]

    with tempfile.TemporaryDirectory() as folder:
        log = PredictionLog(LogConfig(), folder)
        metrics = Metrics(log.reader, log)
        logged, counted = [], []
        for number in range(BATCHES):
            answers = batch(number * BATCH)
            times = [time.thread_time()]
            for part in (log, metrics):
                part.take(answers)
                times.append(time.thread_time())
            logged.append((times[1] - times[0]) / BATCH * 1e6)
            counted.append((times[2] - times[1]) / BATCH * 1e6)
        log.close()
    return logged[1:], counted[1:]


def main() -> None:
    print("| API | features | log, best | log, median | metrics, median | together, median |")
    print("|---|---|---|---|---|---|")
    for api in BODIES:
        for features in (4, 10, 30):
            logged, counted = measure(api, features)
            log, metrics = statistics.median(logged), statistics.median(counted)
            print(
                f"| {api} | {features} | {min(logged):.0f} | {log:.0f} | {metrics:.1f} | {log + metrics:.0f} µs |"
            )


if __name__ == "__main__":
    main()
