"""The JSON of TF Serving's REST API, with exact numbers, NaN and raw bytes."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import orjson

from serving.client.errors import AnswerError, UnsupportedError
from serving.client.inputs.examples import json_text
from serving.client.model import TensorInfo, check_type
from serving.wire.dtypes import DType
from serving.wire.tensors import objects

_FAST: Final = frozenset(
    ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64")
)


def dumps(value: Any) -> bytes:
    """Returns a request body. NaN and infinities become the bare words that TF Serving reads."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def loads(body: bytes) -> Any:
    """Reads an answer. Accepts NaN, Infinity and text that is not UTF-8, as TF Serving writes them.

    Raises:
        AnswerError: The answer is not JSON.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(body.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError) as error:
        raise AnswerError("answer", expected="JSON", seen=repr(body[:200])) from error


def predict_body(signature: str, inputs: Mapping[str, np.ndarray]) -> bytes:
    """Returns the body of a predict request in columns, which can hold tensors of any shape."""
    if any(a.dtype.kind == "c" for a in inputs.values()):
        raise UnsupportedError("complex inputs over REST", remedy="use a grpc:// address")
    finite = all(np.isfinite(a).all() for a in inputs.values() if a.dtype.kind in "fV")
    write = _fast_value if finite else _nested
    body = {"signature_name": signature, "inputs": {name: write(array) for name, array in inputs.items()}}
    return orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY) if finite else dumps(body)


def _fast_value(array: np.ndarray) -> Any:
    """Returns an array in a form that orjson can write: it has no NaN and not every type."""
    return np.ascontiguousarray(array) if array.ndim and array.dtype.name in _FAST else _nested(array)


def _nested(array: np.ndarray) -> Any:
    if array.dtype.kind != "O":
        return array.tolist()
    return objects([json_text(v) for v in array.ravel()]).reshape(array.shape).tolist()


def read_output(value: Any, info: TensorInfo) -> np.ndarray:
    """Returns an output as an array of the type that the model declares.

    Raises:
        AnswerError: The values have another type, or lists of unequal length.
    """
    check_type(info.dtype)
    array = _array(value, info)
    if not array.size and info.shape is not None and array.ndim < len(info.shape):
        inner = (max(size, 0) for size in info.shape[array.ndim :])
        array = array.reshape((*array.shape, *inner))
    return array


def _array(value: Any, info: TensorInfo) -> np.ndarray:
    kind = info.dtype.numpy
    try:
        if kind.kind in "fV":
            array = np.asarray(value)
            if array.dtype.kind not in "fiu" and array.size:
                raise _mismatch(info, value)
            return array.astype(kind)
        array = np.array(value, dtype=object)
    except ValueError as error:
        raise _mismatch(info, value) from error
    flat = array.ravel().tolist()
    if info.dtype is DType.STRING:
        return objects([_bytes(v, info) for v in flat]).reshape(array.shape)
    wanted = bool if info.dtype is DType.BOOL else int
    if any(type(v) is not wanted for v in flat):
        raise _mismatch(info, value)
    try:
        return array.astype(kind)
    except OverflowError as error:
        raise _mismatch(info, value) from error


def _bytes(value: Any, info: TensorInfo) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    if isinstance(value, dict) and set(value) == {"b64"}:
        try:
            return base64.b64decode(value["b64"], validate=True)
        except (TypeError, ValueError, binascii.Error) as error:
            raise _mismatch(info, value) from error
    raise _mismatch(info, value)


def _mismatch(info: TensorInfo, value: Any) -> AnswerError:
    return AnswerError(f"output {info.name!r}", expected=str(info), seen=repr(value)[:100])
