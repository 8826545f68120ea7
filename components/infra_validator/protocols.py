"""One request in the two languages of TF Serving, and the answers as arrays: a client of the contract, of nothing else."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Mapping
from typing import Any, Protocol

import grpc
import numpy as np
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from components.infra_validator.examples import Batch
from foundation.saved_model import EXAMPLES_SIGNATURE

Answer = Mapping[str, np.ndarray]
"""Output → array whose first axis is the batch."""

_TYPES = {"O": types_pb2.DT_STRING, "f": types_pb2.DT_FLOAT, "i": types_pb2.DT_INT64}
_FIELDS = {"O": "string_val", "f": "float_val", "i": "int64_val"}


class RefusedError(Exception):
    """The server's answer was an error, or none came; the text is the server's own."""


class Asked(Protocol):
    """A request that is ready to be sent as often as it is wanted."""

    protocol: str

    def send(self) -> Any:
        """Sends it and returns the raw answer.

        Raises:
            RefusedError: The server refused it.
        """

    def answer(self, raw: Any) -> Answer:
        """Returns a raw answer as arrays."""


def predict_request(model: str, batch: Batch) -> predict_pb2.PredictRequest:
    """Returns the request as gRPC's message, which is also what a warm-up record holds."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = batch.signature
    for name, array in batch.inputs.items():
        request.inputs[name].CopyFrom(_tensor(array))
    return request


def _tensor(array: np.ndarray) -> tensor_pb2.TensorProto:
    tensor = tensor_pb2.TensorProto(dtype=_TYPES[array.dtype.kind])
    for size in array.shape:
        tensor.tensor_shape.dim.add(size=size)
    getattr(tensor, _FIELDS[array.dtype.kind]).extend(array.ravel().tolist())
    return tensor


class GrpcRequest:
    """A Predict over gRPC.

    Args:
        channel: Where the server is.
        model: Name of the model.
        batch: What is asked.
        seconds: Deadline.
    """

    protocol = "gRPC"

    def __init__(self, channel: grpc.Channel, model: str, batch: Batch, seconds: float) -> None:
        self._predict = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict
        self._request, self._seconds = predict_request(model, batch), seconds

    def send(self) -> predict_pb2.PredictResponse:
        """Sends it and returns the response."""
        try:
            return self._predict(self._request, timeout=self._seconds)
        except grpc.RpcError as error:
            raise RefusedError(f"{error.code().name}: {error.details()}") from error

    def answer(self, raw: predict_pb2.PredictResponse) -> Answer:
        """Returns the outputs."""
        from tensorflow import make_ndarray

        return {name: make_ndarray(tensor) for name, tensor in raw.outputs.items()}


class RestRequest:
    """A predict over REST, in the row format.

    Args:
        connection: Kept open over many requests.
        model: Name of the model; plain letters.
        batch: What is asked.
    """

    protocol = "REST"

    def __init__(self, connection: http.client.HTTPConnection, model: str, batch: Batch) -> None:
        self._connection, self._path = connection, f"/v1/models/{model}:predict"
        binary = batch.signature == EXAMPLES_SIGNATURE
        rows = [
            {name: _plain(array[row], binary) for name, array in batch.inputs.items()}
            for row in range(batch.rows)
        ]
        instances = [next(iter(row.values())) for row in rows] if len(batch.inputs) == 1 else rows
        body = {"signature_name": batch.signature, "instances": instances}
        self._body = json.dumps(body, ensure_ascii=False).encode()

    def send(self) -> bytes:
        """Sends it and returns the body."""
        try:
            self._connection.request("POST", self._path, self._body, {"Content-Type": "application/json"})
            response = self._connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise RefusedError(f"no answer: {error or type(error).__name__}") from error
        if response.status != http.client.OK:
            raise RefusedError(f"HTTP {response.status}: {_error(body)}")
        return body

    def answer(self, raw: bytes) -> Answer:
        """Returns the outputs; one that has no name in REST's answer is called ``""``."""
        rows = json.loads(raw)["predictions"]
        if rows and isinstance(rows[0], dict) and set(rows[0]) != {"b64"}:
            return {name: _array([row[name] for row in rows]) for name in rows[0]}
        return {"": _array(rows)}


def _plain(value: Any, binary: bool) -> Any:
    """Returns a value of NumPy's as JSON has it; bytes that are no text as base64."""
    if isinstance(value, np.ndarray):
        return [_plain(item, binary) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, bytes):
        try:
            if not binary:
                return value.decode()
        except UnicodeDecodeError:
            pass
        return {"b64": base64.b64encode(value).decode()}
    return value


def _array(values: list[Any]) -> np.ndarray:
    array = np.array(values)
    if array.dtype.kind == "O" and isinstance(values[0], dict):
        return np.array([base64.b64decode(value["b64"]) for value in values], object)
    return np.char.encode(array, "utf-8").astype(object) if array.dtype.kind == "U" else array


def _error(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return body[:200].decode("utf-8", "replace")


def difference(one: Answer, other: Answer) -> float:
    """Returns the largest difference of two answers relative to their size; infinite where they are not alike at all."""
    if "" in other and len(one) == 1:
        other = dict.fromkeys(one, other[""])
    if set(one) != set(other) or any(one[name].shape != other[name].shape for name in one):
        return float("inf")
    return max((_difference(one[name], other[name]) for name in one), default=0.0)


def _difference(one: np.ndarray, other: np.ndarray) -> float:
    if one.dtype.kind not in "fiub":
        return 0.0 if one.tolist() == other.tolist() else float("inf")
    if not one.size:
        return 0.0
    first: np.ndarray = one.astype(np.float64)
    second: np.ndarray = other.astype(np.float64)
    with np.errstate(invalid="ignore"):
        gaps = np.abs(first - second) / np.maximum(np.maximum(np.abs(first), np.abs(second)), 1e-6)
    equal = (first == second) | (np.isnan(first) & np.isnan(second))
    gaps = np.where(equal, 0.0, np.where(np.isnan(gaps), np.inf, gaps))
    return float(gaps.max())
