"""Converts requests and answers from and to the wire, for PredictionService."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.message import DecodeError
from tensorflow_serving.apis import model_pb2

from serving.server.engine.signature import ModelSpec
from serving.server.inference.multi_inference import Task, TaskResult
from serving.server.status import Code, ServingError
from serving.wire import requests_pb2, tensors
from serving.wire.writer import delimited

if TYPE_CHECKING:
    from collections.abc import Sequence

    from serving.server.inference import PredictResult

_CACHED_BYTES: Final = 512
"""Larger serialized specs are not cached."""


def parse(message_class: Any, data: bytes) -> Any:
    """Parses a request.

    Raises:
        ServingError: INVALID_ARGUMENT if it is not such a message.
    """
    try:
        return message_class.FromString(data)
    except DecodeError as error:
        name = message_class.DESCRIPTOR.name
        raise ServingError(
            Code.INVALID_ARGUMENT, f"The request cannot be parsed as {name}: {error}"
        ) from error


def model_spec(parts: Sequence[bytes]) -> ModelSpec | None:
    """Reads a ``model_spec`` field; None if there is none."""
    if not parts:
        return None
    data = parts[0] if len(parts) == 1 else b"".join(parts)
    return _cached_spec(data) if len(data) <= _CACHED_BYTES else _read_spec(data)


@lru_cache(maxsize=1024)
def _cached_spec(data: bytes) -> ModelSpec:
    return _read_spec(data)


def _read_spec(data: bytes) -> ModelSpec:
    return spec_of(parse(model_pb2.ModelSpec, data))


def spec_of(message: Any) -> ModelSpec:
    """Converts a ``ModelSpec`` message to the server's own."""
    choice = message.WhichOneof("version_choice")
    return ModelSpec(
        name=message.name,
        version=message.version.value if choice == "version" else None,
        label=message.version_label if choice == "version_label" else None,
        signature_name=message.signature_name,
    )


def examples_of(given: Any) -> list[bytes]:
    """Returns the serialized examples of a ``requests_pb2.Input``, each preceded by the context if there is one."""
    kind = given.WhichOneof("kind")
    if kind == "example_list":
        return list(given.example_list.examples)
    if kind == "example_list_with_context":
        context = b"".join(given.example_list_with_context.context)
        return [context + example for example in given.example_list_with_context.examples]
    return []


def tasks_of(request: Any) -> list[Task]:
    """Returns the tasks of a ``MultiInferenceRequest``."""
    return [Task(spec_of(task.model_spec), task.method_name) for task in request.tasks]


@lru_cache(maxsize=1024)
def answered_by(name: str, version: int, signature_name: str) -> bytes:
    """Returns a serialized ``ModelSpec`` that says which version answered."""
    message = model_pb2.ModelSpec(name=name, signature_name=signature_name)
    message.version.value = version
    return bytes(message.SerializeToString())


def predict_response(result: PredictResult, spec: bytes, *, as_content: bool) -> bytes:
    """Writes a ``PredictResponse``.

    Args:
        result: The signature and its outputs.
        spec: The serialized ModelSpec of the answer.
        as_content: Whether to write numbers to ``tensor_content``.

    Returns:
        The serialized message.
    """
    entry = tensors.map_entry
    infos = result.signature.outputs
    parts = [
        entry(alias, value, as_content=as_content, declared=infos[alias].dtype)
        for alias, value in result.outputs.items()
    ]
    parts.append(delimited(2, spec))
    return b"".join(parts)


def fill_classifications(result: Any, rows: Sequence[Sequence[tuple[bytes, float]]]) -> None:
    """Fills a ``ClassificationResult``."""
    for row in rows:
        classes = result.classifications.add().classes
        for label, score in row:
            classes.add(label=label.decode(errors="replace"), score=score)


def fill_regressions(result: Any, values: Sequence[float]) -> None:
    """Fills a ``RegressionResult``."""
    for value in values:
        # Set even for 0: an empty submessage means 0.0.
        result.regressions.add(value=value)


def fill_task(result: Any, answer: TaskResult) -> None:
    """Fills an ``InferenceResult``."""
    if answer.classifications is not None:
        result.classification_result.SetInParent()
        fill_classifications(result.classification_result, answer.classifications)
    if answer.regressions is not None:
        result.regression_result.SetInParent()
        fill_regressions(result.regression_result, answer.regressions)


def parse_input(data: bytes) -> list[bytes]:
    """Returns the serialized examples of a serialized ``Input``."""
    return examples_of(parse(requests_pb2.Input, data))
