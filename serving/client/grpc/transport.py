"""The gRPC transport: TF Serving's calls by their full names, with our own messages (see ``client.proto``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import grpc
import numpy as np
from google.protobuf.message import DecodeError

from serving.client.address import Address, Tls, read_pem
from serving.client.errors import AnswerError, CallError, InputError, call_error
from serving.client.grpc.requests import example_request, predict_request, write_examples, write_spec
from serving.client.grpc.tensors import read_tensor
from serving.client.inputs.examples import Example, Examples
from serving.client.model import ModelMetadata, ModelStatus, Signature, Target, VersionStatus
from serving.client.results import Arm, Class, Classification, Prediction, Regression, arm_of
from serving.client.signatures import signatures_of
from serving.client.transport import Arrays, Prepared, Tasks, Transport
from serving.codes import Code
from serving.wire import client_pb2

_OPTIONS: Final[dict[str, str | int]] = {
    "grpc.max_send_message_length": -1,
    "grpc.max_receive_message_length": -1,
    # A channel that lost its server waits a second or more before it reconnects: longer than our retries take.
    "grpc.initial_reconnect_backoff_ms": 50,
    "grpc.min_reconnect_backoff_ms": 50,
    "grpc.max_reconnect_backoff_ms": 1000,
    # With several addresses behind one name (a headless Service), calls are spread over all of them.
    "grpc.lb_policy_name": "round_robin",
    # Otherwise all channels of a process share one connection, and a second client adds none.
    "grpc.use_local_subchannel_pool": 1,
}
_CALLS: Final = {
    "Predict": ("PredictionService", client_pb2.PredictResponse),
    "Classify": ("PredictionService", client_pb2.ClassificationResponse),
    "Regress": ("PredictionService", client_pb2.RegressionResponse),
    "MultiInference": ("PredictionService", client_pb2.MultiInferenceResponse),
    "GetModelMetadata": ("PredictionService", client_pb2.GetModelMetadataResponse),
    "GetModelStatus": ("ModelService", client_pb2.GetModelStatusResponse),
    "HandleReloadConfigRequest": ("ModelService", client_pb2.ReloadConfigResponse),
}
_STATES: Final = {0: "UNKNOWN", 10: "START", 20: "LOADING", 30: "AVAILABLE", 40: "UNLOADING", 50: "END"}


class GrpcTransport(Transport):
    """A transport for TF Serving's gRPC API: one channel for all threads, no limit on message sizes.

    Args:
        address: Where the server is.
        tls: Files for ``grpcs``.
        headers: Sent as metadata with every call.
        options: Additional channel options; they override the defaults above.
    """

    def __init__(
        self,
        address: Address,
        tls: Tls,
        headers: Mapping[str, str],
        options: Mapping[str, str | int] | None = None,
    ) -> None:
        self._metadata = tuple((name.lower(), value) for name, value in headers.items())
        self._closed = False
        self._channel = _channel(address, tls, {**_OPTIONS, **(options or {})})
        self._calls = {
            name: self._channel.unary_unary(
                f"/tensorflow.serving.{service}/{name}",
                request_serializer=_serialize,
                response_deserializer=None,
            )
            for name, (service, _) in _CALLS.items()
        }

    def prepare(
        self, target: Target, signature: Signature, inputs: Arrays, outputs: Sequence[str]
    ) -> Prepared:
        """Builds the message; the server computes only the requested outputs."""
        request = predict_request(target, signature, inputs, outputs)

        def read(answered: tuple[Any, Arm | None]) -> Prediction:
            answer, arm = answered
            found = {name: read_tensor(answer.outputs[name], name) for name in sorted(answer.outputs)}
            return Prediction(*_spec(answer.model_spec, target, signature.name), found, arm)

        return Prepared(lambda timeout: self._ask_arm("Predict", request, target, timeout), read)

    def classify(
        self, target: Target, signature: str, examples: Examples, context: Example | None, timeout: float
    ) -> Classification:
        """Classifies examples."""
        request = example_request(client_pb2.ClassificationRequest, target, signature, examples, context)
        answer, arm = self._ask_arm("Classify", request, target, timeout)
        return Classification(*_spec(answer.model_spec, target, signature), _classes(answer.result), arm)

    def regress(
        self, target: Target, signature: str, examples: Examples, context: Example | None, timeout: float
    ) -> Regression:
        """Returns a number for each example."""
        request = example_request(client_pb2.RegressionRequest, target, signature, examples, context)
        answer, arm = self._ask_arm("Regress", request, target, timeout)
        return Regression(*_spec(answer.model_spec, target, signature), _values(answer.result), arm)

    def multi_inference(
        self, target: Target, tasks: Tasks, examples: Examples, context: Example | None, timeout: float
    ) -> tuple[Classification | Regression, ...]:
        """Runs several classify and regress signatures of one model over the same examples."""
        request = client_pb2.MultiInferenceRequest()
        for task in tasks:
            added = request.tasks.add(method_name=task.method_name)
            write_spec(added.model_spec, target, task.signature)
        write_examples(request.input, examples, context)
        answer, arm = self._ask_arm("MultiInference", request, target, timeout)
        return tuple(_inferred(result, target, arm) for result in answer.results)

    def metadata(self, target: Target, timeout: float) -> ModelMetadata:
        """Fetches the signatures."""
        request = client_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        write_spec(request.model_spec, target, "")
        answer = self._ask("GetModelMetadata", request, target, timeout)
        packed = answer.metadata["signature_def"].value
        signatures = _parse(client_pb2.SignatureDefMap, packed, target).signature_def
        return ModelMetadata(
            target.name,
            answer.model_spec.version.value,
            signatures_of(signatures),
        )

    def status(self, target: Target, timeout: float) -> ModelStatus:
        """Fetches the states of the versions."""
        request = client_pb2.GetModelStatusRequest()
        write_spec(request.model_spec, Target(target.name, target.version), "")
        answer = self._ask("GetModelStatus", request, target, timeout)
        versions = tuple(
            VersionStatus(
                v.version,
                _STATES.get(v.state, str(v.state)),
                _code(v.status.error_code),
                v.status.error_message,
            )
            for v in answer.model_version_status
        )
        return ModelStatus(target.name, versions)

    def reload_config(self, config: bytes, timeout: float) -> None:
        """Sends the server a new serialized ``ModelServerConfig``."""
        answer = self._ask(
            "HandleReloadConfigRequest", client_pb2.ReloadConfigRequest(config=config), None, timeout
        )
        if answer.status.error_code:
            raise call_error(_code(answer.status.error_code), answer.status.error_message)

    def close(self) -> None:
        """Closes the channel; calls in flight end with CANCELLED."""
        self._closed = True
        self._channel.close()

    def _ask(self, name: str, request: Any, target: Target | None, timeout: float) -> Any:
        return self._call(name, request, target, timeout)[0]

    def _ask_arm(self, name: str, request: Any, target: Target, timeout: float) -> tuple[Any, Arm | None]:
        answer, call = self._call(name, request, target, timeout)
        return answer, arm_of(call.trailing_metadata())

    def _call(self, name: str, request: Any, target: Target | None, timeout: float) -> tuple[Any, grpc.Call]:
        metadata = self._metadata
        if target is not None and target.headers:
            metadata += tuple((key.lower(), value) for key, value in target.headers.items())
        try:
            limit = None if timeout == float("inf") else timeout
            answer, call = self._calls[name].with_call(request, timeout=limit, metadata=metadata)
        except grpc.RpcError as error:
            raise _failed(error, target) from error
        except ValueError as error:
            if self._closed:
                raise InputError("client", expected="an open client", seen="a closed one") from error
            raise
        return _parse(_CALLS[name][1], answer, target), call


def _channel(address: Address, tls: Tls, options: Mapping[str, str | int]) -> Any:
    arguments = list(options.items())
    if address.scheme == "unix":
        return grpc.insecure_channel(f"unix:{address.host}", arguments)
    host = f"[{address.host}]" if ":" in address.host else address.host
    target = f"{host}:{address.port}"
    if not address.tls:
        return grpc.insecure_channel(target, arguments)
    if tls.server_name:
        arguments.append(("grpc.ssl_target_name_override", tls.server_name))
    keys = (read_pem(tls.ca), read_pem(tls.key), read_pem(tls.certificate))
    return grpc.secure_channel(target, grpc.ssl_channel_credentials(*keys), arguments)


def _serialize(request: Any) -> bytes:
    packed: bytes = request.SerializeToString()
    return packed


def _parse(kind: Any, packed: bytes, target: Target | None) -> Any:
    try:
        return kind.FromString(packed)
    except DecodeError as error:
        raise AnswerError(
            f"{target or 'server'}", expected=f"a {kind.DESCRIPTOR.name}", seen=str(error)
        ) from error


def _failed(error: grpc.RpcError, target: Target | None) -> CallError:
    code = Code(error.code().value[0])
    return call_error(code, error.details() or code.name, model=str(target or ""))


def _code(number: int) -> Code:
    return Code(number) if number in Code._value2member_map_ else Code.UNKNOWN


def _spec(spec: Any, target: Target, signature: str) -> tuple[str, int | None, str]:
    version = spec.version.value if spec.HasField("version") else target.version
    return spec.name or target.name, version, spec.signature_name or signature


def _classes(result: Any) -> tuple[tuple[Class, ...], ...]:
    return tuple(
        tuple(Class(one.label, one.score) for one in example.classes) for example in result.classifications
    )


def _values(result: Any) -> np.ndarray:
    return np.array([one.value for one in result.regressions], np.float32)


def _inferred(result: Any, target: Target, arm: Arm | None) -> Classification | Regression:
    spec = _spec(result.model_spec, target, "")
    if result.HasField("classification_result"):
        return Classification(*spec, _classes(result.classification_result), arm)
    return Regression(*spec, _values(result.regression_result), arm)
