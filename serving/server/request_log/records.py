"""Serialized PredictionLogs from what the front ends have: wire bytes over gRPC, arrays over REST.

The messages are built directly in protobuf's wire format, because most of a record is already bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from serving.wire.writer import delimited, number, varint

_KINDS: Final = {"predict": 6, "classify": 2, "regress": 3, "multi_inference": 4}
"""The field of PredictionLog for each kind of call."""
_METADATA, _REQUEST, _RESPONSE = 1, 1, 2
_DOUBLE, _FLOAT = 1, 5  # wire types


@dataclass(frozen=True, slots=True)
class Call:
    """A call to log.

    Attributes:
        kind: ``predict``, ``classify``, ``regress`` or ``multi_inference``.
        model: The model's name.
        version: The version that answered.
        signature: The signature's key; empty if only the request has it.
        rate: The sampling rate at that time.
        seconds: Time of the call, since the epoch.
    """

    kind: str
    model: str
    version: int
    signature: str
    rate: float
    seconds: int

    def spec(self) -> bytes:
        """Returns the ModelSpec."""
        signature = delimited(3, self.signature.encode()) if self.signature else b""
        return delimited(1, self.model.encode()) + delimited(2, number(1, self.version)) + signature

    def log(self, request: bytes, response: bytes) -> bytes:
        """Returns the PredictionLog of a serialized request and its answer."""
        sampling = varint(1 << 3 | _DOUBLE) + struct.pack("<d", self.rate)
        metadata = delimited(1, self.spec()) + delimited(2, sampling) + number(4, self.seconds)
        content = delimited(_REQUEST, request) + delimited(_RESPONSE, response)
        return delimited(_METADATA, metadata) + delimited(_KINDS[self.kind], content)


@dataclass(frozen=True, slots=True)
class WireRecord:
    """A request and its answer as gRPC bytes."""

    call: Call
    request: bytes
    response: bytes

    @property
    def size(self) -> int:
        """Its approximate size in bytes."""
        return len(self.request) + len(self.response)

    def serialized(self) -> bytes:
        """Returns the PredictionLog."""
        return self.call.log(self.request, self.response)


@dataclass(frozen=True, slots=True)
class ArraysRecord:
    """A Predict over REST: input and output arrays by name."""

    call: Call
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]

    @property
    def size(self) -> int:
        """Its approximate size in bytes."""
        return sum(_array_size(array) for part in (self.inputs, self.outputs) for array in part.values())

    def serialized(self) -> bytes:
        """Returns the PredictionLog."""
        spec = self.call.spec()
        request = delimited(1, spec) + _tensors(2, self.inputs)
        return self.call.log(request, _tensors(1, self.outputs) + delimited(2, spec))


@dataclass(frozen=True, slots=True)
class ExamplesRecord:
    """A Classify or Regress over REST: serialized examples, and labels with scores or values."""

    call: Call
    examples: Sequence[bytes]
    results: Sequence[Any]

    @property
    def size(self) -> int:
        """Its approximate size in bytes."""
        return sum(map(len, self.examples)) + 64 * len(self.results)

    def serialized(self) -> bytes:
        """Returns the PredictionLog."""
        spec = self.call.spec()
        examples = b"".join(delimited(1, example) for example in self.examples)
        request = delimited(1, spec) + delimited(2, delimited(1, examples))
        one = _classifications if self.call.kind == "classify" else _regression
        result = b"".join(delimited(1, one(entry)) for entry in self.results)
        return self.call.log(request, delimited(1, result) + delimited(2, spec))


Record = WireRecord | ArraysRecord | ExamplesRecord


def _tensors(field: int, arrays: Mapping[str, Any]) -> bytes:
    """Returns a map from names to tensors; on the wire, a repeated message of key and value."""
    from serving.wire.tensors import encode

    return b"".join(
        delimited(field, delimited(1, name.encode()) + delimited(2, encode(array)))
        for name, array in arrays.items()
    )


def _classifications(row: Sequence[tuple[bytes, float]]) -> bytes:
    return b"".join(delimited(1, delimited(1, label) + _float(2, score)) for label, score in row)


def _regression(value: float) -> bytes:
    return _float(1, value)


def _float(field: int, value: float) -> bytes:
    return varint(field << 3 | _FLOAT) + struct.pack("<f", value)


def _array_size(array: Any) -> int:
    if array.dtype.hasobject:
        return sum(map(len, array.reshape(-1).tolist()))
    return int(array.nbytes)
