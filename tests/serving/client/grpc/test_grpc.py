"""The gRPC client against a small gRPC server on raw bytes."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from serving.client import (
    AnswerError,
    Client,
    Code,
    DeadlineError,
    DType,
    InputError,
    ModelConfig,
    RefusedError,
    Retries,
    Task,
    UnavailableError,
)
from serving.client.grpc.tensors import read_tensor, write_tensor
from serving.wire import client_pb2
from tests.serving.client.conftest import GrpcServer


def metadata(version: int = 7, name: str = "x") -> bytes:
    """Metadata of a model with one float input and one float output ``y``."""
    signatures = client_pb2.SignatureDefMap()
    for key, side in ((name, "inputs"), ("y", "outputs")):
        info = getattr(signatures.signature_def["serving_default"], side)[key]
        info.dtype = 1
        info.tensor_shape.dim.add(size=-1)
    answer = client_pb2.GetModelMetadataResponse()
    answer.model_spec.version.value = version
    answer.metadata["signature_def"].value = signatures.SerializeToString()
    return bytes(answer.SerializeToString())


def doubled(request: bytes, version: int = 7) -> bytes:
    """Answers a predict request with twice its input."""
    asked = client_pb2.PredictRequest.FromString(request)
    answer = client_pb2.PredictResponse()
    answer.model_spec.name, answer.model_spec.signature_name = asked.model_spec.name, "serving_default"
    answer.model_spec.version.value = version
    for tensor in asked.inputs.values():
        write_tensor(read_tensor(tensor, "x") * 2, DType.FLOAT, answer.outputs["y"])
    return bytes(answer.SerializeToString())


def model(name: str, request: bytes, context: Any) -> bytes:
    return metadata() if name == "GetModelMetadata" else doubled(request)


def test_predict_reports_the_version(grpc_server: GrpcServer) -> None:
    grpc_server.answer = model
    with Client(grpc_server.url) as client:
        result = client.predict("m", [1, 2.5], outputs=["y"], label="canary")
        client.predict("m", [1], version=0)
    np.testing.assert_array_equal(result["y"], np.float32([2, 5]))
    assert (result.model, result.version, result.signature) == ("m", 7, "serving_default")
    asked = [client_pb2.PredictRequest.FromString(r) for name, r in grpc_server.requests if name == "Predict"]
    assert (asked[0].model_spec.version_label, list(asked[0].output_filter)) == ("canary", ["y"])
    assert not asked[0].model_spec.HasField("version")
    assert asked[1].model_spec.HasField("version")
    assert asked[1].model_spec.version.value == 0


def test_messages_above_four_mebibytes_pass_both_ways(grpc_server: GrpcServer) -> None:
    grpc_server.answer = model
    with Client(grpc_server.url) as client:
        assert client.predict("m", np.ones(2_000_000, np.float32)).output.sum() == 4_000_000


def refuse(code: grpc.StatusCode, text: str) -> Any:
    def answer(name: str, request: bytes, context: Any) -> bytes:
        if name == "GetModelMetadata":
            return metadata()
        context.abort(code, text)
        raise AssertionError

    return answer


def test_the_servers_error_is_an_exception(grpc_server: GrpcServer) -> None:
    grpc_server.answer = refuse(grpc.StatusCode.FAILED_PRECONDITION, "its own words")
    with Client(grpc_server.url) as client, pytest.raises(RefusedError) as caught:
        client.predict("m", [1])
    error = caught.value
    assert (error.code, error.message, error.http_status) == (Code.FAILED_PRECONDITION, "its own words", None)
    assert str(error) == "model 'm': FAILED_PRECONDITION: its own words"


def test_unavailable_is_retried(grpc_server: GrpcServer) -> None:
    failures = [1, 2]

    def answer(name: str, request: bytes, context: Any) -> bytes:
        if name == "Predict" and failures:
            failures.pop()
            context.abort(grpc.StatusCode.UNAVAILABLE, "queue full")
        return model(name, request, context)

    grpc_server.answer = answer
    with Client(grpc_server.url, retries=Retries(2, first=0.01)) as client:
        assert client.predict("m", [1]).output == 2.0


def test_no_server_is_unavailable_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with (
        Client(f"grpc://127.0.0.1:{port}", retries=1000, timeout=2) as client,
        pytest.raises((UnavailableError, DeadlineError)) as caught,
    ):
        client.predict("m", [1])
    assert 1 < caught.value.attempts < 1000, "the time limit ends the retries, not their number"


def test_the_deadline_reaches_the_server(grpc_server: GrpcServer) -> None:
    seen: list[float] = []
    given_up = threading.Event()

    def answer(name: str, request: bytes, context: Any) -> bytes:
        seen.append(context.time_remaining())
        given_up.wait(60)
        return metadata()

    grpc_server.answer = answer
    with Client(grpc_server.url) as client, pytest.raises(DeadlineError, match="DEADLINE_EXCEEDED"):
        client.metadata("m", timeout=5)
    given_up.set()
    assert 0 < seen[0] < 6  # gRPC rounds the time up on the wire


def test_signatures_are_fetched_again_when_the_version_changed(grpc_server: GrpcServer) -> None:
    versions = [7, 8, 8]

    def answer(name: str, request: bytes, context: Any) -> bytes:
        return metadata(versions.pop(0)) if name == "GetModelMetadata" else doubled(request, 8)

    grpc_server.answer = answer
    with Client(grpc_server.url) as client:
        for _ in range(4):
            assert client.predict("m", [1]).version == 8
    assert [name for name, _ in grpc_server.requests].count("GetModelMetadata") == 2


def test_multi_inference_keeps_the_order_of_tasks(grpc_server: GrpcServer) -> None:
    def answer(name: str, request: bytes, context: Any) -> bytes:
        asked = client_pb2.MultiInferenceRequest.FromString(request)
        assert [t.method_name for t in asked.tasks] == [
            "tensorflow/serving/regress",
            "tensorflow/serving/classify",
        ]
        assert len(asked.input.example_list_with_context.examples) == 1
        made = client_pb2.MultiInferenceResponse()
        made.results.add().regression_result.regressions.add(value=0.5)
        made.results.add().classification_result.classifications.add().classes.add(label="a", score=0.25)
        return bytes(made.SerializeToString())

    grpc_server.answer = answer
    with Client(grpc_server.url) as client:
        tasks = [Task("regress", "r"), Task("classify", "c")]
        number, classes = client.multi_inference("m", {"x": 1.0}, tasks, context={"c": "d"})
    assert number.values.tolist() == [0.5]
    assert classes.labels == ("a",)
    with pytest.raises(InputError, match="classify or regress"):
        Task("predict")


def test_reload_config_takes_models_text_and_files(grpc_server: GrpcServer, tmp_path: Path) -> None:
    text = """model_config_list { config { name: "m" base_path: "/models/m" model_platform: "tensorflow"
      model_version_policy { specific { versions: 1 versions: 2 } } version_labels { key: "stable" value: 1 } } }"""
    (tmp_path / "models.config").write_text(text)
    with Client(grpc_server.url) as client:
        client.reload_config([ModelConfig("m", "/models/m", versions=[1, 2], labels={"stable": 1})])
        client.reload_config(text)
        client.reload_config(tmp_path / "models.config")
        with pytest.raises(InputError, match=r"ModelServerConfig.*nonsense"):
            client.reload_config("nonsense: 1")
    sent = [request for _, request in grpc_server.requests]
    assert len(sent) == 3
    assert sent[0] == sent[1] == sent[2]


def test_an_error_inside_a_reload_answer_is_raised(grpc_server: GrpcServer) -> None:
    made = client_pb2.ReloadConfigResponse()
    made.status.error_code, made.status.error_message = 3, "duplicate"
    grpc_server.answer = lambda *_: bytes(made.SerializeToString())
    with Client(grpc_server.url) as client, pytest.raises(RefusedError, match="INVALID_ARGUMENT: duplicate"):
        client.reload_config([])


def test_an_answer_that_is_not_a_message_is_refused(grpc_server: GrpcServer) -> None:
    grpc_server.answer = lambda *_: b"\xff\xff"
    with Client(grpc_server.url) as client, pytest.raises(AnswerError, match="GetModelMetadataResponse"):
        client.metadata("m")


def test_a_closed_client_says_so(grpc_server: GrpcServer) -> None:
    client = Client(grpc_server.url)
    client.close()
    with pytest.raises(InputError, match="an open client"):
        client.status("m")


def test_a_server_that_comes_back_is_found_again_at_once() -> None:
    from tests.serving.client.conftest import serve_grpc

    state = GrpcServer(model)
    server, port = serve_grpc(state, 0)
    with Client(f"grpc://127.0.0.1:{port}", timeout=10, retries=Retries(100, longest=0.1)) as client:
        assert client.predict("m", [1]).output == 2.0
        server.stop(0).wait()
        with pytest.raises(UnavailableError):
            client.predict("m", [1], timeout=0.5)
        again, _ = serve_grpc(state, port)
        assert client.predict("m", [1]).output == 2.0
        again.stop(0).wait()


def test_headers_are_sent_as_metadata(grpc_server: GrpcServer) -> None:
    seen: list[Any] = []

    def answer(name: str, request: bytes, context: Any) -> bytes:
        seen.append(dict(context.invocation_metadata()).get("x-user"))
        return model(name, request, context)

    grpc_server.answer = answer
    with Client(grpc_server.url, headers={"X-User": "u1"}) as client:
        client.predict("m", [1])
    assert seen == ["u1", "u1"]
