"""The calls of PredictionService and ModelService: bytes in, bytes out, errors as ServingError."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    regression_pb2,
)

from foundation.saved_model import DEFAULT_SIGNATURE
from serving.server.grpc import conversion
from serving.server.models import reload_request
from serving.server.status import Code, ServingError
from serving.wire import requests_pb2, tensors

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from serving.server.config.options import Options
    from serving.server.engine.signature import ModelSpec
    from serving.server.grpc.seen import Seen
    from serving.server.inference import Inference, PredictResult
    from serving.server.models.manager import Lease, ModelManager

_LARGE: Final = 256 << 10
"""Larger messages are read and written in a worker thread, so that they do not delay other requests."""
_TYPE_URL: Final = "type.googleapis.com/tensorflow.serving.SignatureDefMap"


class Calls:
    """The calls.

    Args:
        inference: Answers inference requests.
        manager: Leases versions and reports their states.
        options: The server's options.
        metrics: Provides the metrics that ReloadConfig requests name.
    """

    def __init__(self, inference: Inference, manager: ModelManager, options: Options, metrics: Any) -> None:
        self._inference = inference
        self._manager = manager
        self._metrics = metrics
        self._as_content = options.enable_serialization_as_tensor_content

    def _lease(self, spec: ModelSpec | None, seen: Seen) -> Lease:
        if spec is not None:
            seen.model = spec.name
            seen.signature = spec.signature_name or DEFAULT_SIGNATURE
        lease = self._manager.acquire(spec)
        seen.version = lease.version
        return lease

    async def predict(self, data: bytes, seen: Seen, timeout_ms: int | None) -> bytes:
        """Answers Predict."""
        if len(data) > _LARGE:
            call = self._inference.execution.call
            request, inputs = await call(timeout_ms, _read_whole, data)
        else:
            request = conversion.parse(requests_pb2.PredictRequest, data)
            inputs = {entry.key: entry.value for entry in request.inputs}
        spec = conversion.model_spec(request.model_spec)
        with self._lease(spec, seen) as lease:
            result = await self._inference.predict(
                lease, seen.signature, inputs, request.output_filter, timeout_ms, _decoded
            )
        answered_by = conversion.answered_by(seen.model, lease.version, seen.signature)
        if sum([value.nbytes for value in result.outputs.values()]) > _LARGE:
            return bytes(
                await self._inference.execution.call(timeout_ms, self._predict_response, result, answered_by)
            )
        return self._predict_response(result, answered_by)

    def _predict_response(self, result: PredictResult, answered_by: bytes) -> bytes:
        return conversion.predict_response(result, answered_by, as_content=self._as_content)

    async def classify(self, data: bytes, seen: Seen, timeout_ms: int | None) -> bytes:
        """Answers Classify."""
        response = classification_pb2.ClassificationResponse()
        rows = await self._run_examples(self._inference.classify, response, data, seen, timeout_ms)
        conversion.fill_classifications(response.result, rows)
        return bytes(response.SerializeToString())

    async def regress(self, data: bytes, seen: Seen, timeout_ms: int | None) -> bytes:
        """Answers Regress."""
        response = regression_pb2.RegressionResponse()
        values = await self._run_examples(self._inference.regress, response, data, seen, timeout_ms)
        conversion.fill_regressions(response.result, values)
        return bytes(response.SerializeToString())

    async def _run_examples(
        self,
        run: Callable[..., Awaitable[Any]],
        response: Any,
        data: bytes,
        seen: Seen,
        timeout_ms: int | None,
    ) -> Any:
        """Runs a request's examples and notes in the response which version answered."""
        if len(data) <= _LARGE:
            spec, examples = _read_examples(data)
        else:
            spec, examples = await self._inference.execution.call(timeout_ms, _read_examples, data)
        with self._lease(spec, seen) as lease:
            results = await run(lease, seen.signature, examples, timeout_ms)
        response.model_spec.name = seen.model
        response.model_spec.version.value = lease.version
        response.model_spec.signature_name = seen.signature
        return results

    async def multi_inference(self, data: bytes, seen: Seen, timeout_ms: int | None) -> bytes:
        """Answers MultiInference."""
        request = conversion.parse(inference_pb2.MultiInferenceRequest, data)
        tasks = conversion.tasks_of(request)
        given = bool(tasks) and request.tasks[0].HasField("model_spec")
        with self._lease(tasks[0].spec if given else None, seen) as lease:
            examples = conversion.parse_input(request.input.SerializeToString())
            answers = await self._inference.multi_inference(lease, tasks, examples, timeout_ms)
        response = inference_pb2.MultiInferenceResponse()
        for task, answer in zip(tasks, answers, strict=True):
            result = response.results.add()
            conversion.fill_task(result, answer)
            result.model_spec.name = task.spec.name
            result.model_spec.version.value = lease.version
            result.model_spec.signature_name = task.signature_name
        return bytes(response.SerializeToString())

    async def metadata(self, data: bytes, seen: Seen, timeout_ms: int | None) -> bytes:
        """Answers GetModelMetadata."""
        request = conversion.parse(get_model_metadata_pb2.GetModelMetadataRequest, data)
        if not request.HasField("model_spec"):
            raise ServingError(Code.INVALID_ARGUMENT, "Missing ModelSpec")
        if not request.metadata_field:
            raise ServingError(
                Code.INVALID_ARGUMENT, "GetModelMetadataRequest must specify at least one metadata_field"
            )
        for field in request.metadata_field:
            if field != "signature_def":
                raise ServingError(Code.INVALID_ARGUMENT, f"Metadata field {field} is not supported")
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        with self._lease(conversion.spec_of(request.model_spec), seen) as lease:
            response.model_spec.name = seen.model
            response.model_spec.version.value = lease.version
            packed = response.metadata["signature_def"]
            packed.type_url, packed.value = _TYPE_URL, lease.servable.metadata
        return bytes(response.SerializeToString())

    async def status(self, data: bytes, seen: Seen, timeout_ms: int | None) -> bytes:
        """Answers GetModelStatus."""
        request = conversion.parse(get_model_status_pb2.GetModelStatusRequest, data)
        if not request.HasField("model_spec"):
            raise ServingError(Code.INVALID_ARGUMENT, "Missing ModelSpec")
        spec = conversion.spec_of(request.model_spec)
        response = get_model_status_pb2.GetModelStatusResponse()
        for known in self._manager.statuses(spec.name, spec.version):
            entry = response.model_version_status.add(version=known.version, state=int(known.state))
            entry.status.SetInParent()
            entry.status.error_code = int(known.code)
            entry.status.error_message = known.message
        return bytes(response.SerializeToString())

    async def reload(self, data: bytes, seen: Seen, timeout_ms: int | None) -> bytes:
        """Answers HandleReloadConfigRequest."""
        request = conversion.parse(model_management_pb2.ReloadConfigRequest, data)
        response = await reload_request.handle(self._manager, self._metrics, request)
        return bytes(response.SerializeToString())


def _decoded(value: Any) -> np.ndarray:
    """Returns an input as an array; a worker thread may have decoded it already."""
    if isinstance(value, tensors.TensorParsingError):
        raise value
    return value if isinstance(value, np.ndarray) else tensors.decode(value)


def _read_whole(data: bytes) -> tuple[Any, dict[str, Any]]:
    """Reads a large request with its tensors; a tensor's error takes its place until the checks reach it."""
    request = conversion.parse(requests_pb2.PredictRequest, data)
    inputs: dict[str, Any] = {}
    for entry in request.inputs:
        try:
            inputs[entry.key] = tensors.decode(entry.value)
        except tensors.TensorParsingError as error:
            inputs[entry.key] = error
    return request, inputs


def _read_examples(data: bytes) -> tuple[ModelSpec | None, list[bytes]]:
    request = conversion.parse(requests_pb2.ExampleRequest, data)
    return conversion.model_spec(request.model_spec), conversion.examples_of(request.input)
