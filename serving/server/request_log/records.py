"""Serialized PredictionLogs out of what the front ends have at hand: wire bytes over gRPC, arrays over REST."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

#: The field of PredictionLog for each kind of call.
FIELDS: Final = {
    "predict": "predict_log",
    "classify": "classify_log",
    "regress": "regress_log",
    "multi_inference": "multi_inference_log",
}


@dataclass(frozen=True, slots=True)
class Call:
    """Which call is logged.

    Args:
        kind: `predict`, `classify`, `regress` or `multi_inference`.
        model: The model's name.
        version: The version that answered.
        signature: The signature's key; empty where only the request knows it.
        rate: The sampling rate at that time.
        seconds: When, since the epoch.
    """

    kind: str
    model: str
    version: int
    signature: str
    rate: float
    seconds: int


@dataclass(frozen=True, slots=True)
class WireRecord:
    """A request and its answer as they went over gRPC."""

    call: Call
    request: bytes
    response: bytes

    @property
    def size(self) -> int:
        """About how many bytes it holds."""
        return len(self.request) + len(self.response)

    def serialized(self) -> bytes:
        """The PredictionLog."""
        log = _log(self.call)
        part = getattr(log, FIELDS[self.call.kind])
        part.request.MergeFromString(self.request)
        part.response.MergeFromString(self.response)
        return bytes(log.SerializeToString())


@dataclass(frozen=True, slots=True)
class ArraysRecord:
    """A Predict by REST: arrays by name, in and out."""

    call: Call
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]

    @property
    def size(self) -> int:
        """About how many bytes it holds."""
        return sum(_array_size(array) for part in (self.inputs, self.outputs) for array in part.values())

    def serialized(self) -> bytes:
        """The PredictionLog."""
        from tensorflow import make_tensor_proto

        log = _log(self.call)
        part = log.predict_log
        _name(part.request.model_spec, self.call)
        _name(part.response.model_spec, self.call)
        for name, array in self.inputs.items():
            part.request.inputs[name].CopyFrom(make_tensor_proto(array))
        for name, array in self.outputs.items():
            part.response.outputs[name].CopyFrom(make_tensor_proto(array))
        return bytes(log.SerializeToString())


@dataclass(frozen=True, slots=True)
class ExamplesRecord:
    """A Classify or Regress by REST: serialized examples in, labels with scores or values out."""

    call: Call
    examples: Sequence[bytes]
    results: Sequence[Any]

    @property
    def size(self) -> int:
        """About how many bytes it holds."""
        return sum(map(len, self.examples)) + 64 * len(self.results)

    def serialized(self) -> bytes:
        """The PredictionLog."""
        log = _log(self.call)
        part = getattr(log, FIELDS[self.call.kind])
        _name(part.request.model_spec, self.call)
        _name(part.response.model_spec, self.call)
        for example in self.examples:
            part.request.input.example_list.examples.add().MergeFromString(example)
        if self.call.kind == "classify":
            for row in self.results:
                classes = part.response.result.classifications.add().classes
                for label, score in row:
                    text = label.decode("utf-8", "replace") if isinstance(label, bytes) else label
                    classes.add(label=text, score=score)
        else:
            for value in self.results:
                part.response.result.regressions.add(value=value)
        return bytes(log.SerializeToString())


Record = WireRecord | ArraysRecord | ExamplesRecord


def _log(call: Call) -> Any:
    from tensorflow_serving.apis import prediction_log_pb2

    log = prediction_log_pb2.PredictionLog()
    _name(log.log_metadata.model_spec, call)
    log.log_metadata.sampling_config.sampling_rate = call.rate
    log.log_metadata.timestamp_secs = call.seconds
    return log


def _name(spec: Any, call: Call) -> None:
    spec.name = call.model
    spec.version.value = call.version
    spec.signature_name = call.signature


def _array_size(array: Any) -> int:
    if array.dtype.hasobject:
        return sum(map(len, array.reshape(-1).tolist()))
    return int(array.nbytes)
