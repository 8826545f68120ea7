"""Contract, section 4: the services, and how a ModelSpec finds its version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.serving.clients import SECONDS, example, floats, predict_request, refused, spec, tensor

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.serving.clients import GrpcClient

pytestmark = pytest.mark.integration

UNRESOLVED = [
    pytest.param({"name": ""}, "INVALID_ARGUMENT", "ModelSpec has no name specified.", id="4: empty name"),
    pytest.param(
        {"name": "nobody"},
        "NOT_FOUND",
        "Servable not found for request: Latest(nobody)",
        id="4: unknown model",
    ),
    pytest.param(
        {"name": "versions", "version": 9},
        "NOT_FOUND",
        "Servable not found for request: Specific(versions, 9)",
        id="4: unknown version",
    ),
    pytest.param(
        {"name": "versions", "version": 0},
        "NOT_FOUND",
        "Servable not found for request: Specific(versions, 0)",
        id="4: version 0 is a number like others",
    ),
    pytest.param(
        {"name": "nobody", "version": 1},
        "NOT_FOUND",
        "Servable not found for request: Specific(nobody, 1)",
        id="4: unknown model with a version",
    ),
    pytest.param(
        {"name": "versions", "label": "beta"},
        "INVALID_ARGUMENT",
        "Unrecognized servable version label: beta",
        id="4: unknown label",
    ),
    pytest.param(
        {"name": "nobody", "label": "stable"},
        "INVALID_ARGUMENT",
        "Unrecognized servable version label: stable",
        id="4: label of an unknown model",
    ),
]


def _calls(client: GrpcClient) -> dict[str, Callable[[Any], Any]]:
    def multi(target: Any) -> Any:
        from tensorflow_serving.apis.inference_pb2 import InferenceTask, MultiInferenceRequest

        request = MultiInferenceRequest()
        request.tasks.append(InferenceTask(model_spec=target, method_name="tensorflow/serving/regress"))
        request.input.example_list.examples.append(example(x=1.0))
        return client.prediction.MultiInference(request, timeout=SECONDS)

    return {
        "Predict": lambda target: client.predict(target, {"x": floats(1.0)}),
        "Classify": lambda target: client.classify(target, [example(x=1.0)]),
        "Regress": lambda target: client.regress(target, [example(x=1.0)]),
        "MultiInference": multi,
        "GetModelMetadata": lambda target: client.metadata(target, "signature_def"),
    }


@pytest.mark.parametrize("call", ["Predict", "Classify", "Regress", "MultiInference", "GetModelMetadata"])
@pytest.mark.parametrize(("fields", "code", "text"), UNRESOLVED)
def test_a_model_that_is_not_found(
    client: GrpcClient, call: str, fields: dict[str, Any], code: str, text: str
) -> None:
    with refused(code, text):
        _calls(client)[call](spec(**fields))


@pytest.mark.parametrize("call", ["Predict", "Classify", "Regress", "GetModelMetadata"])
def test_4_no_model_spec_at_all(client: GrpcClient, call: str) -> None:
    from tensorflow_serving.apis.classification_pb2 import ClassificationRequest
    from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataRequest
    from tensorflow_serving.apis.predict_pb2 import PredictRequest
    from tensorflow_serving.apis.regression_pb2 import RegressionRequest

    requests = {
        "Predict": PredictRequest(),
        "Classify": ClassificationRequest(),
        "Regress": RegressionRequest(),
        "GetModelMetadata": GetModelMetadataRequest(metadata_field=["signature_def"]),
    }
    with refused("INVALID_ARGUMENT", "Missing ModelSpec"):
        getattr(client.prediction, call)(requests[call], timeout=SECONDS)


@pytest.mark.parametrize(
    ("fields", "version"),
    [
        pytest.param({}, 3, id="4: no version is the highest available"),
        pytest.param({"version": 1}, 1, id="4: by version"),
        pytest.param({"label": "stable"}, 1, id="4: by label"),
        pytest.param({"label": "canary"}, 2, id="4: by another label"),
    ],
)
def test_the_response_tells_the_effective_version(
    client: GrpcClient, fields: dict[str, Any], version: int
) -> None:
    response = client.predict(spec("versions", **fields), {"x": floats(1.0)})
    assert list(response.outputs["y"].float_val) == [float(version)]
    assert response.model_spec == spec("versions", version=version, signature="serving_default")
    described = client.metadata(spec("versions", **fields), "signature_def").model_spec
    assert (described.name, described.version.value) == ("versions", version)
    assert described.WhichOneof("version_choice") == "version", "never a label"


def test_4_version_0_and_padded_names_are_versions(client: GrpcClient) -> None:
    assert client.predict(spec("zero", version=0), {"x": floats(2.0)}).model_spec.version.value == 0
    assert client.value("zero", [2.0]) == [4.0]
    assert client.predict("half_plus_two", {"x": floats(1.0)}).model_spec.version.value == 123


def test_4_the_response_names_the_effective_signature(client: GrpcClient) -> None:
    named = client.predict(spec("types", signature="float64"), {"x": tensor([1.0], "float64")})
    assert named.model_spec.signature_name == "float64"
    assert client.predict(spec("types", signature=""), {"x": floats(1.0)}).model_spec.signature_name == (
        "serving_default"
    )
    regressed = client.regress("examples", [example(x=2.0)]).model_spec
    assert regressed == spec("examples", version=1, signature="serving_default")
    classified = client.classify(spec("examples", signature="classify"), [example(x=2.0)]).model_spec
    assert classified == spec("examples", version=1, signature="classify")


@pytest.mark.parametrize(
    ("target", "inputs", "outputs", "code"),
    [
        pytest.param({"name": "nobody", "signature": "S"}, {}, ["N"], "NOT_FOUND", id="4: servable first"),
        pytest.param(
            {"name": "types", "signature": "S"}, {}, ["N"], "FAILED_PRECONDITION", id="4: then signature"
        ),
    ],
)
def test_the_order_of_checks(
    client: GrpcClient, target: dict[str, Any], inputs: dict[str, Any], outputs: list[str], code: str
) -> None:
    with refused(code):
        client.predict(spec(**target), inputs, outputs)


def test_4_inputs_are_checked_before_outputs(client: GrpcClient) -> None:
    with refused("INVALID_ARGUMENT") as caught:
        client.predict("types", {"misnamed": floats(1.0)}, ["no_such_output"])
    assert "misnamed" in caught.value.details() and "no_such_output" not in caught.value.details()


def test_4_long_messages_are_truncated(client: GrpcClient) -> None:
    with refused("FAILED_PRECONDITION") as caught:
        client.predict(spec("types", signature="S" * 3000), {"x": floats(1.0)})
    message = caught.value.details()
    assert message.startswith('Serving signature key "SSS') and message.endswith("...TRUNCATED")
    assert len(message) == 1024 + len("...TRUNCATED")


@pytest.mark.parametrize(
    "method",
    [
        "/tensorflow.serving.PredictionService/Nothing",
        "/tensorflow.serving.SessionService/SessionRun",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        "/grpc.health.v1.Health/Check",
    ],
    ids=lambda method: f"4: {method}",
)
def test_unknown_methods_and_services(client: GrpcClient, method: str) -> None:
    with refused("UNIMPLEMENTED"):
        client.channel.unary_unary(method)(b"", timeout=SECONDS)


def test_4_bytes_that_are_no_message_do_not_end_the_server(client: GrpcClient) -> None:
    import grpc

    call = client.channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
    with pytest.raises(grpc.RpcError) as caught:
        call(b"\xff\xff\xff no protobuf", timeout=SECONDS)
    assert caught.value.code() in (grpc.StatusCode.INTERNAL, grpc.StatusCode.INVALID_ARGUMENT)
    assert "Traceback" not in caught.value.details()
    assert client.value("types") == [1.0]


def test_4_the_deadline_of_the_client_ends_the_session_run(client: GrpcClient) -> None:
    with refused("DEADLINE_EXCEEDED"):
        client.predict("slow", {"x": floats(60_000.0)}, seconds=0.3)
    assert client.value("slow", [1.0]) == [1.0]


def test_4_deadlines_free_their_threads(client: GrpcClient) -> None:
    """More abandoned requests than a server has threads: the next one is still answered."""
    import grpc

    request = predict_request("slow", {"x": floats(60_000.0)})
    futures = [client.prediction.Predict.future(request, timeout=0.5) for _ in range(40)]
    assert {future.exception().code() for future in futures} == {grpc.StatusCode.DEADLINE_EXCEEDED}
    assert client.value("slow", [1.0]) == [1.0]


def test_4_messages_over_4_mebibytes_pass_both_ways(client: GrpcClient) -> None:
    import numpy as np

    big = np.arange(3_000_000, dtype=np.float32)
    response = client.predict("types", {"x": big})
    assert np.array_equal(np.array(response.outputs["y"].float_val, np.float32), big)


def test_4_compressed_messages(client: GrpcClient) -> None:
    import grpc

    request = predict_request("types", {"x": floats(*[1.0] * 10_000)})
    answer = client.prediction.Predict(request, timeout=SECONDS, compression=grpc.Compression.Gzip)
    assert len(answer.outputs["y"].float_val) == 10_000
