"""Calls of an experiment over gRPC, from grpcio's client through the router to grpcio's server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from serving.experiments.contract import Target
from serving.wire import client_pb2
from tests.serving.router.grpc.backend import (
    METADATA,
    MULTI,
    PREDICT,
    STATUS,
    Client,
    GrpcBackend,
    front,
    predict,
)
from tests.serving.router.running import ScriptedRoute, experiment, to


@pytest.fixture(scope="module")
def shared() -> Iterator[GrpcBackend]:
    with GrpcBackend() as found:
        yield found


@pytest.fixture
def backend(shared: GrpcBackend) -> GrpcBackend:
    shared.got.clear()
    return shared


def test_a_call_gets_the_arms_version_and_the_answer_says_so(backend: GrpcBackend) -> None:
    route = experiment(Target("m", version=2))
    with front(backend, m=route) as router, Client(router.address) as client:
        answer, trailing = client.call(predict(size=3), penstock_unit="anna")
    assert (backend.got[0].spec.name, backend.got[0].spec.version.value) == ("m", 2)
    assert backend.got[0].message.startswith(predict(size=3))
    assert client_pb2.PredictResponse.FromString(answer).model_spec.version.value == 2
    assert trailing["penstock-arm"] == "e/new"
    assert len(trailing["penstock-request-id"]) == 32
    assert route.units == ["anna"]
    (_, outcome), *_ = route.outcomes
    assert (outcome.code, outcome.api, outcome.method, outcome.version) == (0, "grpc", "predict", 2)
    assert (outcome.request, outcome.response) == (predict(size=3), answer)
    assert outcome.request_id == trailing["penstock-request-id"]


@pytest.mark.parametrize("size", [0, 10_000, 5_000_000], ids=["small", "frames", "windows"])
def test_messages_of_any_size(backend: GrpcBackend, size: int) -> None:
    with front(backend, m=experiment(Target("m", 2))) as router, Client(router.address) as client:
        for _ in range(3):
            client.call(predict(size=size))
    assert len(backend.got) == 3
    assert all(got.spec.version.value == 2 for got in backend.got)
    assert all(got.message.startswith(predict(size=size)) for got in backend.got)


@pytest.mark.parametrize("size", [0, 100_000, 30_000_000], ids=["small", "frames", "windows"])
def test_answers_of_any_size(size: int) -> None:
    with (
        GrpcBackend(lambda *_: bytes(size)) as backend,
        front(backend, m=experiment(Target("m", 2))) as router,
        Client(router.address) as client,
    ):
        for _ in range(2):
            assert client.call(predict())[0] == bytes(size)


@pytest.mark.parametrize(
    "algorithm", [grpc.Compression.Gzip, grpc.Compression.Deflate], ids=["gzip", "deflate"]
)
def test_compressed_messages_are_inflated_once_and_compressed_answers_pass(
    backend: GrpcBackend, algorithm: Any
) -> None:
    route = experiment(Target("m", 2))
    with front(backend, m=route) as router, Client(router.address, compression=algorithm) as client:
        client.call(predict(size=2000))
        client.call(predict(model="other", size=2000))
    assert [got.spec.name for got in backend.got] == ["m", "other"]
    assert backend.got[0].spec.version.value == 2
    assert route.outcomes[0][1].request == predict(size=2000)
    with (
        GrpcBackend(lambda *_: bytes(5000), compression=algorithm) as packing,
        front(packing, m=route) as router,
        Client(router.address) as client,
    ):
        assert client.call(predict())[0] == bytes(5000)
    assert route.outcomes[1][1].response == bytes(5000)


@pytest.mark.parametrize(
    "message",
    [
        predict("other"),
        predict("m", version=7),
        predict("m", version=0),
        predict("m", label="canary"),
        b"",
        b"\xff\xff no protobuf",
    ],
    ids=["model", "version", "version-0", "label", "empty", "junk"],
)
def test_what_takes_part_in_no_experiment_passes_unchanged(backend: GrpcBackend, message: bytes) -> None:
    route = experiment(Target("m", 2))
    with (
        GrpcBackend(lambda *_: b"answer") as plain,
        front(plain, m=route) as router,
        Client(router.address) as client,
    ):
        answer, trailing = client.call(message, x_mine="1")
        assert [got.message for got in plain.got] == [message]
        assert plain.got[0].metadata["x-mine"] == "1"
    assert answer == b"answer"
    assert not [name for name in trailing if name.startswith("penstock")]
    assert not route.outcomes


def test_every_task_of_multi_inference_goes_to_the_arm(backend: GrpcBackend) -> None:
    request = client_pb2.MultiInferenceRequest()
    for signature in ("a", "b"):
        task = request.tasks.add(method_name="tensorflow/serving/regress")
        task.model_spec.name, task.model_spec.signature_name = "m", signature
    with (
        GrpcBackend(lambda *_: b"") as plain,
        front(plain, m=experiment(Target("m", 2))) as router,
        Client(router.address) as client,
    ):
        client.call(request.SerializeToString(), MULTI)
        got = client_pb2.MultiInferenceRequest.FromString(plain.got[0].message)
    for task in request.tasks:
        task.model_spec.version.value = 2
    assert got == request


def test_status_and_metadata_of_the_public_name_are_those_of_control() -> None:
    route = ScriptedRoute(lambda _: None, control=Target("real", version=1))
    with (
        GrpcBackend(lambda *_: b"") as backend,
        front(backend, m=route) as router,
        Client(router.address) as client,
    ):
        client.call(client_pb2.GetModelStatusRequest(model_spec={"name": "m"}).SerializeToString(), STATUS)
        asked = client_pb2.GetModelMetadataRequest(model_spec={"name": "m"}, metadata_field=["signature_def"])
        client.call(asked.SerializeToString(), METADATA)
    specs = [client_pb2.GetModelMetadataRequest.FromString(got.message) for got in backend.got]
    assert [(one.model_spec.name, one.model_spec.version.value) for one in specs] == [
        ("real", 0),
        ("real", 1),
    ]
    assert list(specs[1].metadata_field) == ["signature_def"]


def test_a_unit_in_a_feature_is_read_from_the_message(backend: GrpcBackend) -> None:
    request = client_pb2.PredictRequest()
    request.model_spec.name = "m"
    request.inputs["user_id"].dtype = 9
    request.inputs["user_id"].int64_val.append(b"\x07")
    asks: dict[str, Any] = {"unit_header": None, "unit_feature": "user_id", "reads_body": True}
    route = ScriptedRoute(lambda _: to(Target("m", 2)), features=("user_id",), **asks)
    with front(backend, m=route) as router, Client(router.address) as client:
        client.call(request.SerializeToString())
        client.call(predict())
    assert route.units == ["7", None]


def test_a_request_that_cannot_be_assigned_is_answered_as_without_experiments(backend: GrpcBackend) -> None:
    def broken(_: str | None) -> None:
        raise RuntimeError("no table")

    with front(backend, m=ScriptedRoute(broken)) as router, Client(router.address) as client:
        _, trailing = client.call(predict())
    assert backend.got[0].message == predict()
    assert "penstock-arm" not in trailing


def test_a_repeated_unit_is_one_value_with_commas(backend: GrpcBackend) -> None:
    route = experiment(Target("m", 2))
    pairs = (("penstock-unit", "a"), ("penstock-unit", "b"), ("penstock-request-id", "mine"))
    with front(backend, m=route) as router, Client(router.address) as client:
        client.channel.unary_unary(PREDICT)(predict(), metadata=pairs, timeout=10)
    assert route.units == ["a,b"]
    assert route.outcomes[0][1].request_id == "mine"
