"""Backslashes do not reach ML Metadata's statements for PostgreSQL, wherever in a request they are."""

from __future__ import annotations

from ml_metadata.proto import metadata_store_pb2 as pb
from ml_metadata.proto import metadata_store_service_pb2 as service

from pipeline.lineage.backslashes import INSTEAD, without_backslashes


def test_every_property_of_a_request_is_cleared_of_them() -> None:
    request = service.PutExecutionRequest()
    request.execution.custom_properties["eval_config"].string_value = '{"a": "one\\ntwo"}'
    request.execution.properties["number"].int_value = 7
    pair = request.artifact_event_pairs.add()
    pair.artifact.uri = "/data/1"
    pair.artifact.properties["said"].string_value = "plain"
    pair.artifact.custom_properties["said"].string_value = "a\\b"
    request.contexts.add().custom_properties["c"].string_value = "\\"
    without_backslashes(request)
    assert request.execution.custom_properties["eval_config"].string_value == f'{{"a": "one{INSTEAD}ntwo"}}'
    assert request.execution.properties["number"].int_value == 7
    artifact: pb.Artifact = request.artifact_event_pairs[0].artifact
    assert (artifact.properties["said"].string_value, artifact.uri) == ("plain", "/data/1")
    assert artifact.custom_properties["said"].string_value == f"a{INSTEAD}b"
    assert request.contexts[0].custom_properties["c"].string_value == INSTEAD
