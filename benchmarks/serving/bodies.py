"""Requests as bytes, for the load generator."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from models import Model


@dataclass(frozen=True)
class Call:
    """One request, sent repeatedly.

    Attributes:
        path: The URL's path.
        body: The bytes to send; for gRPC, one framed message.
        grpc: Whether it is gRPC.
    """

    path: str
    body: bytes
    grpc: bool

    @property
    def headers(self) -> dict[str, str]:
        """Additional HTTP headers."""
        if self.grpc:
            return {"content-type": "application/grpc", "te": "trailers"}
        return {"content-type": "application/json"}


def frame(message: bytes) -> bytes:
    """Returns a message in gRPC's frame: not compressed, length, bytes."""
    return struct.pack(">BI", 0, len(message)) + message


def serving_rest(model: Model, rows: int, path: str | None = None) -> Call:
    """TF Serving's row form."""
    body = json.dumps({"instances": model.rows(rows)}).encode()
    return Call(path or f"/v1/models/{model.name}:predict", body, grpc=False)


def serving_grpc(model: Model, rows: int) -> Call:
    """TF Serving's Predict, with tensors in ``tensor_content`` as ``tf.make_tensor_proto`` makes them."""
    from tensorflow_serving.apis import predict_pb2

    request = predict_pb2.PredictRequest()
    request.model_spec.name = model.name
    for name, values in model.columns(rows).items():
        _fill(request.inputs[name], np.asarray(values, model.dtypes[name]))
    return Call(
        "/tensorflow.serving.PredictionService/Predict", frame(request.SerializeToString()), grpc=True
    )


_DT = {"float32": 1, "object": 7, "int64": 9}


def _fill(tensor: Any, array: np.ndarray) -> None:
    tensor.dtype = _DT[str(array.dtype)]
    for size in array.shape:
        tensor.tensor_shape.dim.add(size=size)
    if array.dtype == object:
        tensor.string_val.extend(str(v).encode() for v in array.ravel())
    else:
        tensor.tensor_content = array.tobytes()


_V2 = {"float32": "FP32", "int64": "INT64", "object": "BYTES"}


def v2_rest(model: Model, rows: int) -> Call:
    """The Open Inference Protocol's JSON, for MLServer."""
    inputs = []
    for name, values in model.columns(rows).items():
        array = np.asarray(values, model.dtypes[name])
        inputs.append(
            {
                "name": name,
                "shape": list(array.shape),
                "datatype": _V2[str(array.dtype)],
                "data": array.ravel().tolist(),
            }
        )
    return Call(f"/v2/models/{model.name}/infer", json.dumps({"inputs": inputs}).encode(), grpc=False)


def v2_grpc(model: Model, rows: int) -> Call:
    """The Open Inference Protocol's ModelInfer, encoded by hand: MLServer's stubs are in its own environment."""
    message = _field(1, model.name.encode())
    for name, values in model.columns(rows).items():
        array = np.asarray(values, model.dtypes[name])
        content = {"float32": _packed_floats, "int64": _packed_ints, "object": _strings}[str(array.dtype)](
            array
        )
        shape = b"".join(_varint(n) for n in array.shape)
        tensor = _field(1, name.encode()) + _field(2, _V2[str(array.dtype)].encode()) + _field(3, shape)
        message += _field(5, tensor + _field(5, content))
    return Call("/inference.GRPCInferenceService/ModelInfer", frame(message), grpc=True)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _packed_floats(array: np.ndarray) -> bytes:
    return _field(6, array.tobytes())


def _packed_ints(array: np.ndarray) -> bytes:
    return _field(3, b"".join(_varint(int(v)) for v in array.ravel()))


def _strings(array: np.ndarray) -> bytes:
    return b"".join(_field(8, str(v).encode()) for v in array.ravel())
