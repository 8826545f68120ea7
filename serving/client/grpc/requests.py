"""Requests as messages, and as the warm-up records of a SavedModel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from serving.client.grpc.tensors import write_tensor
from serving.client.inputs.examples import Example, Examples, example_proto
from serving.client.model import Signature, Target
from serving.client.transport import Arrays
from serving.wire import client_pb2


def predict_request(target: Target, signature: Signature, inputs: Arrays, outputs: Sequence[str] = ()) -> Any:
    """Returns a ``PredictRequest``; no output names means all outputs."""
    request = client_pb2.PredictRequest(output_filter=outputs)
    write_spec(request.model_spec, target, signature.name)
    for name, array in inputs.items():
        write_tensor(array, signature.inputs[name].dtype, request.inputs[name])
    return request


def warmup_record(target: Target, signature: Signature, inputs: Arrays) -> bytes:
    """Returns a request as a serialized ``PredictionLog``; equal requests give equal bytes."""
    log = client_pb2.PredictionLog()
    log.predict_log.request.CopyFrom(predict_request(target, signature, inputs))
    packed: bytes = log.SerializeToString(deterministic=True)
    return packed


def example_request(
    kind: Any, target: Target, signature: str, examples: Examples, context: Example | None
) -> Any:
    """Returns a ``ClassificationRequest`` or ``RegressionRequest``."""
    request = kind()
    write_spec(request.model_spec, target, signature)
    write_examples(request.input, examples, context)
    return request


def write_spec(spec: Any, target: Target, signature: str) -> None:
    """Fills a ``ModelSpec``."""
    spec.name, spec.signature_name = target.name, signature
    if target.version is not None:
        spec.version.value = target.version
    elif target.label is not None:
        spec.version_label = target.label


def write_examples(request: Any, examples: Examples, context: Example | None) -> None:
    """Fills an ``Input``."""
    made = [example_proto(one) for one in examples]
    if context:
        request.example_list_with_context.examples.extend(made)
        request.example_list_with_context.context.CopyFrom(example_proto(context))
    else:
        request.example_list.examples.extend(made)
