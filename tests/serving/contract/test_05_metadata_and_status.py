"""Contract, sections 5.7 and 5.8: GetModelMetadata and GetModelStatus by gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.serving.clients import refused, spec

if TYPE_CHECKING:
    from tests.serving.clients import GrpcClient

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param([], id="5.7: no metadata_field"),
        pytest.param(["assets"], id="5.7: another field"),
        pytest.param(["signature_def", "assets"], id="5.7: a field too many"),
    ],
)
def test_metadata_refuses(client: GrpcClient, fields: list[str]) -> None:
    with refused("INVALID_ARGUMENT"):
        client.metadata("examples", *fields)


def test_5_7_metadata_is_any_of_a_signature_def_map(client: GrpcClient) -> None:
    from tensorflow_serving.apis.get_model_metadata_pb2 import SignatureDefMap

    response = client.metadata("examples", "signature_def")
    assert response.model_spec == spec("examples", version=1)
    assert list(response.metadata) == ["signature_def"]
    packed = response.metadata["signature_def"]
    assert packed.type_url == "type.googleapis.com/tensorflow.serving.SignatureDefMap"
    found = SignatureDefMap()
    assert packed.Unpack(found)
    assert {"serving_default", "classify", "regress", "two_inputs"} <= set(found.signature_def)
    regress = found.signature_def["regress"]
    assert regress.method_name == "tensorflow/serving/regress"
    assert list(regress.inputs) == ["inputs"] and list(regress.outputs) == ["outputs"]
    assert regress.inputs["inputs"].name == "examples:0"


def test_5_7_every_signature_is_listed(client: GrpcClient) -> None:
    from tensorflow_serving.apis.get_model_metadata_pb2 import SignatureDefMap

    found = SignatureDefMap()
    client.metadata("half_plus_two", "signature_def").metadata["signature_def"].Unpack(found)
    assert set(found.signature_def) == {"serving_default", "__saved_model_init_op"}


def test_5_7_defaults_are_part_of_the_metadata(client: GrpcClient) -> None:
    from tensorflow_serving.apis.get_model_metadata_pb2 import SignatureDefMap

    found = SignatureDefMap()
    client.metadata("arithmetic", "signature_def").metadata["signature_def"].Unpack(found)
    assert list(found.signature_def["defaults"].defaults["right"].float_val) == [100.0]


def test_5_8_all_versions_newest_first(client: GrpcClient) -> None:
    assert [status.version for status in client.statuses("versions")] == [3, 2, 1]
    assert set(client.states("versions").values()) == {"AVAILABLE"}


def test_5_8_one_version_alone(client: GrpcClient) -> None:
    assert [status.version for status in client.statuses(spec("versions", version=2))] == [2]


def test_5_8_status_is_always_set(client: GrpcClient) -> None:
    for status in client.statuses("versions"):
        assert status.HasField("status")
        assert (status.status.error_code, status.status.error_message) == (0, "")


def test_5_8_a_label_is_ignored(client: GrpcClient) -> None:
    assert [s.version for s in client.statuses(spec("versions", label="stable"))] == [3, 2, 1]


@pytest.mark.parametrize(
    ("fields", "code", "text"),
    [
        pytest.param(
            {"name": "versions", "version": 9},
            "NOT_FOUND",
            "Could not find version 9 of model versions",
            id="5.8: unknown version",
        ),
        pytest.param(
            {"name": "nobody"},
            "NOT_FOUND",
            "Could not find any versions of model nobody",
            id="5.8: unknown model",
        ),
        pytest.param(
            {"name": "nobody", "version": 1},
            "NOT_FOUND",
            "Could not find version 1 of model nobody",
            id="5.8: version of an unknown model",
        ),
    ],
)
def test_status_not_found(client: GrpcClient, fields: dict, code: str, text: str) -> None:
    with refused(code, text):
        client.statuses(spec(**fields))
