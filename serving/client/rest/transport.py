"""The REST transport."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

import numpy as np

from serving.client.address import Address, Tls
from serving.client.errors import AnswerError, CallError, ClientError, UnsupportedError, call_error
from serving.client.inputs.examples import Example, Examples, example_json
from serving.client.model import ModelMetadata, ModelStatus, Signature, Target, TensorInfo, VersionStatus
from serving.client.rest.documents import dumps, loads, predict_body, read_output
from serving.client.rest.pool import HttpPool, Reply
from serving.client.results import Class, Classification, Prediction, Regression, arm_of
from serving.client.transport import Arrays, Prepared, Tasks, Transport
from serving.codes import Code, code_of_http
from serving.wire.dtypes import dtype_of

T = TypeVar("T")


class RestTransport(Transport):
    """A transport for TF Serving's REST API.

    Args:
        address: Where the server is.
        tls: Files for ``https``.
        headers: Sent with every request.
    """

    def __init__(self, address: Address, tls: Tls, headers: Mapping[str, str]) -> None:
        self._pool = HttpPool(address, tls)
        self._headers = {**headers, "Accept": "application/json"}

    def prepare(
        self, target: Target, signature: Signature, inputs: Arrays, outputs: Sequence[str]
    ) -> Prepared:
        """Builds the body in columns. REST has no output filter: all outputs are computed, and the requested ones kept."""
        body = predict_body(signature.name, inputs)

        def read(reply: Reply) -> Prediction:
            found = _outputs(reply.body, target, signature, outputs)
            return Prediction(target.name, target.version, signature.name, found, arm_of(reply.headers))

        return Prepared(lambda timeout: self._send("POST", target, ":predict", body, timeout), read)

    def classify(
        self, target: Target, signature: str, examples: Examples, context: Example | None, timeout: float
    ) -> Classification:
        """Classifies examples."""
        reply = self._send("POST", target, ":classify", _examples(signature, examples, context), timeout)
        answer = loads(reply.body)

        def read() -> tuple[tuple[Class, ...], ...]:
            return tuple(tuple(Class(str(label), float(s)) for label, s in row) for row in answer["results"])

        found = _read(target, read)
        return Classification(target.name, target.version, signature, found, arm_of(reply.headers))

    def regress(
        self, target: Target, signature: str, examples: Examples, context: Example | None, timeout: float
    ) -> Regression:
        """Returns a number for each example."""
        reply = self._send("POST", target, ":regress", _examples(signature, examples, context), timeout)
        answer = loads(reply.body)
        values = _read(target, lambda: np.asarray(answer["results"], np.float32).reshape(-1))
        return Regression(target.name, target.version, signature, values, arm_of(reply.headers))

    def multi_inference(
        self, target: Target, tasks: Tasks, examples: Examples, context: Example | None, timeout: float
    ) -> tuple[Classification | Regression, ...]:
        """Raises: the REST API has no such call."""
        raise _no_such_call("multi_inference")

    def metadata(self, target: Target, timeout: float) -> ModelMetadata:
        """Fetches the signatures."""
        answer = self._ask("GET", target, "/metadata", None, timeout)

        def read() -> ModelMetadata:
            signatures = answer["metadata"]["signature_def"]["signature_def"]
            return ModelMetadata(
                target.name,
                int(answer["model_spec"]["version"]),
                {name: _signature(name, said) for name, said in sorted(signatures.items())},
            )

        return _read(target, read)

    def status(self, target: Target, timeout: float) -> ModelStatus:
        """Fetches the states of the versions."""
        answer = self._ask("GET", Target(target.name, target.version), "", None, timeout)
        return _read(
            target,
            lambda: ModelStatus(target.name, tuple(_version(v) for v in answer["model_version_status"])),
        )

    def reload_config(self, config: bytes, timeout: float) -> None:
        """Raises: the REST API has no such call."""
        raise _no_such_call("reload_config")

    def close(self) -> None:
        """Closes the connections."""
        self._pool.close()

    def _ask(self, method: str, target: Target, what: str, body: bytes | None, timeout: float) -> Any:
        return loads(self._send(method, target, what, body, timeout).body)

    def _send(self, method: str, target: Target, what: str, body: bytes | None, timeout: float) -> Reply:
        headers = {**self._headers, **target.headers}
        if body:
            headers["Content-Type"] = "application/json"
        try:
            reply = self._pool.request(method, _path(target) + what, body, headers, timeout)
        except CallError as error:
            raise call_error(error.code, error.message, model=str(target)) from error.__cause__
        if reply.status != 200:
            raise _failed(reply, target)
        return reply


def _no_such_call(name: str) -> UnsupportedError:
    return UnsupportedError(
        name, expected="gRPC; TF Serving's REST API has no such call", remedy="use a grpc:// address"
    )


def _path(target: Target) -> str:
    path = "/v1/models/" + quote(target.name, safe="")
    if target.version is not None:
        return f"{path}/versions/{target.version}"
    return path if target.label is None else f"{path}/labels/{quote(target.label, safe='')}"


def _outputs(
    raw: bytes, target: Target, signature: Signature, outputs: Sequence[str]
) -> dict[str, np.ndarray]:
    answer = loads(raw)

    def read() -> dict[str, np.ndarray]:
        found = answer["outputs"]
        named = {next(iter(signature.outputs)): found} if len(signature.outputs) == 1 else dict(found)
        return {name: read_output(named[name], signature.outputs[name]) for name in outputs or list(named)}

    return _read(target, read)


def _failed(reply: Reply, target: Target) -> CallError:
    try:
        answer = loads(reply.body)
    except AnswerError:
        answer = None
    said = answer.get("error") if isinstance(answer, dict) else None
    if not isinstance(said, str):
        said = f"HTTP {reply.status} ({reply.content_type or 'no content type'}), not an answer of TF Serving"
    return call_error(code_of_http(reply.status), said, model=str(target), http_status=reply.status)


def _read(target: Target, read: Callable[[], T]) -> T:
    try:
        return read()
    except ClientError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, StopIteration) as error:
        raise AnswerError(
            f"{target}",
            expected="an answer of TF Serving's REST API",
            seen=f"{type(error).__name__}: {error}",
        ) from error


def _examples(signature: str, examples: Examples, context: Example | None) -> bytes:
    body: dict[str, Any] = {"signature_name": signature} if signature else {}
    if context:
        body["context"] = example_json(context)
    return dumps({**body, "examples": [example_json(one) for one in examples]})


def _signature(name: str, said: Mapping[str, Any]) -> Signature:
    """Reads a signature, ignoring defaults: over REST no input may be omitted."""
    tensors = (_tensors(said.get(side, {})) for side in ("inputs", "outputs"))
    return Signature(name, said.get("method_name", ""), *tensors)


def _tensors(said: Mapping[str, Any]) -> dict[str, TensorInfo]:
    found = {}
    for name, tensor in sorted(said.items()):
        shape = tensor.get("tensor_shape", {})
        sizes = None if shape.get("unknown_rank") else tuple(int(d["size"]) for d in shape.get("dim", []))
        found[name] = TensorInfo(name, dtype_of(tensor["dtype"]), sizes)
    return found


def _version(said: Mapping[str, Any]) -> VersionStatus:
    status = said.get("status", {})
    code = status.get("error_code", "OK")
    return VersionStatus(
        int(said["version"]),
        said["state"],
        Code[code] if isinstance(code, str) else Code(code),
        status.get("error_message", ""),
    )
