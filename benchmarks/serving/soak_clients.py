"""The clients of the soak: each sends one request after another, checks every answer and records its time."""

from __future__ import annotations

import array
import http.client
import json
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import grpc
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
)
from tensorflow_serving.apis.model_service_pb2_grpc import ModelServiceStub

MODEL = "soak"
DEADLINE_SECONDS = 20.0
STABLE, CANARY = "stable", "canary"


@dataclass
class Target:
    """What clients may request now; changed by the publisher, read by clients.

    Attributes:
        newest: The version that labels and policy will keep for a while.
        stop: Set when the clients should stop.
    """

    newest: int
    stop: threading.Event = field(default_factory=threading.Event)


class Client(threading.Thread):
    """One client; subclasses speak a protocol.

    Args:
        number: Identifies the client and seeds its random numbers.
        port: The server's port.
        target: What to request.
    """

    def __init__(self, number: int, port: int, target: Target) -> None:
        super().__init__(name=f"client-{number}", daemon=True)
        self.port, self.target = port, target
        self.times: dict[str, array.array[float]] = {}
        self.failures: list[str] = []
        self._dice = random.Random(number)
        self._seen = {"": 0, STABLE: 0, CANARY: 0}

    def run(self) -> None:
        """Sends requests until the target says stop."""
        kinds = {
            "predict": self.predict,
            "classify": self.classify,
            "metadata": self.metadata,
            "status": self.status,
        }
        while not self.target.stop.is_set():
            kind = self._dice.choices(list(kinds), (6, 2, 1, 1))[0]
            way = self._dice.choice(["", "", STABLE, CANARY, "version"])
            version = self.target.newest if way == "version" else 0
            begin = time.perf_counter()
            try:
                answered = kinds[kind]("" if version else way, version)
            except Exception as error:  # noqa: BLE001 - any error is a failed request
                self._fail(kind, way, f"{type(error).__name__}: {error}")
                self.reconnect()
                continue
            name = f"{type(self).__name__.removesuffix('Client')} {kind}"
            self.times.setdefault(name, array.array("d")).append(time.perf_counter() - begin)
            self._check(kind, way, version, answered)

    def _check(self, kind: str, way: str, version: int, answered: int | None) -> None:
        if answered is None:
            return
        if version and answered != version:
            self._fail(kind, way, f"requested version {version}, answered by {answered}")
        if not version:
            if answered < self._seen[way]:
                self._fail(kind, way, f"answered by {answered} after {self._seen[way]}")
            self._seen[way] = answered

    def _fail(self, kind: str, way: str, text: str) -> None:
        self.failures.append(f"{type(self).__name__} {kind} {way or 'latest'}: {text[:300]}")

    def predict(self, label: str, version: int) -> int:
        """Requests predictions and returns the version that answered."""
        raise NotImplementedError

    def classify(self, label: str, version: int) -> int:
        """Requests classes and returns the version that answered."""
        raise NotImplementedError

    def metadata(self, label: str, version: int) -> int | None:
        """Requests signatures and returns the version that answered, if it is known."""
        raise NotImplementedError

    def status(self, label: str, version: int) -> None:
        """Requests the states of versions."""
        raise NotImplementedError

    def reconnect(self) -> None:
        """Opens a new connection for the next request."""


class GrpcClient(Client):
    """Through the stubs of tensorflow-serving-api."""

    def __init__(self, number: int, port: int, target: Target) -> None:
        super().__init__(number, port, target)
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.use_local_subchannel_pool", 1)])
        self._predictions = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._models = ModelServiceStub(self._channel)

    def predict(self, label: str, version: int) -> int:
        """Compares the version that computed the answer with the one it names."""
        request = _asked(predict_pb2.PredictRequest(), label, version)
        tensor = request.inputs["x"]
        tensor.dtype = 1
        for size in (2, 4):
            tensor.tensor_shape.dim.add(size=size)
        tensor.float_val.extend([1.0] * 8)
        answer = self._predictions.Predict(request, timeout=DEADLINE_SECONDS)
        _expect(list(answer.outputs["y"].float_val) == [4.0, 4.0], f"y is {answer.outputs['y']}")
        computed = list(answer.outputs["version"].int64_val)
        named = answer.model_spec.version.value
        _expect(computed == [named] * 2, f"computed by {computed}, named {named}")
        return int(named)

    def classify(self, label: str, version: int) -> int:
        """The class is the version."""
        request = _asked(classification_pb2.ClassificationRequest(), label, version)
        request.model_spec.signature_name = "classify"
        example = request.input.example_list.examples.add()
        example.features.feature["x"].float_list.value.append(0.5)
        answer = self._predictions.Classify(request, timeout=DEADLINE_SECONDS)
        first = answer.result.classifications[0].classes[0]
        _expect(
            first.label == str(answer.model_spec.version.value) and first.score == 0.5, f"answer {answer}"
        )
        return int(first.label)

    def metadata(self, label: str, version: int) -> int:
        """The signatures."""
        request = _asked(get_model_metadata_pb2.GetModelMetadataRequest(), label, version)
        request.metadata_field.append("signature_def")
        answer = self._predictions.GetModelMetadata(request, timeout=DEADLINE_SECONDS)
        _expect("signature_def" in answer.metadata, "no signature_def")
        return int(answer.model_spec.version.value)

    def status(self, label: str, version: int) -> None:
        """At least one version is AVAILABLE."""
        request = _asked(get_model_status_pb2.GetModelStatusRequest(), "", version)
        answer = self._models.GetModelStatus(request, timeout=DEADLINE_SECONDS)
        _expect(any(v.state == 30 for v in answer.model_version_status), f"states {answer}")


def _asked(request: Any, label: str, version: int) -> Any:
    request.model_spec.name = MODEL
    if version:
        request.model_spec.version.value = version
    elif label:
        request.model_spec.version_label = label
    return request


class RestClient(Client):
    """Over one persistent HTTP connection."""

    def __init__(self, number: int, port: int, target: Target) -> None:
        super().__init__(number, port, target)
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_SECONDS)

    def reconnect(self) -> None:
        """Closes it; http.client opens it again."""
        self._connection.close()

    def _ask(self, label: str, version: int, end: str, body: Any = None) -> Any:
        middle = f"/versions/{version}" if version else f"/labels/{label}" if label else ""
        data = json.dumps(body) if body else None
        self._connection.request("POST" if data else "GET", f"/v1/models/{MODEL}{middle}{end}", data)
        answer = self._connection.getresponse()
        text = answer.read()
        _expect(answer.status == 200, f"status {answer.status} {text[:200]!r}")
        return json.loads(text)

    def predict(self, label: str, version: int) -> int:
        """One row is enough to tell the version; both must come from the same one."""
        rows = self._ask(label, version, ":predict", {"instances": [[1.0] * 4] * 2})["predictions"]
        _expect(len(rows) == 2 and rows[0] == rows[1] and rows[0]["y"] == [4.0], f"answer {rows}")
        return int(rows[0]["version"])

    def classify(self, label: str, version: int) -> int:
        """The class is the version."""
        body = {"signature_name": "classify", "examples": [{"x": 0.5}]}
        ((name, score),) = self._ask(label, version, ":classify", body)["results"][0]
        _expect(score == 0.5, f"score {score}")
        return int(name)

    def metadata(self, label: str, version: int) -> int:
        """The signatures."""
        return int(self._ask(label, version, "/metadata")["model_spec"]["version"])

    def status(self, label: str, version: int) -> None:
        """At least one version is AVAILABLE."""
        states = self._ask("", version, "")["model_version_status"]
        _expect(any(v["state"] == "AVAILABLE" for v in states), f"states {states}")


def _expect(met: bool, seen: str) -> None:
    if not met:
        raise ValueError(seen)


def until(met: Callable[[], bool], seconds: float, what: str) -> None:
    """Waits for a condition on the server.

    Raises:
        TimeoutError: It did not become true.
    """
    deadline = time.monotonic() + seconds
    while not met():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come within {seconds} s")
        time.sleep(0.1)
