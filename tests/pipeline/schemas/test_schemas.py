from __future__ import annotations

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from foundation.errors import DataError, StorageError
from pipeline.schemas import approve, diff, offer, pending_path, read_schema

TEXT = """
feature { name: "age" type: FLOAT presence { min_fraction: 0.9 min_count: 1 } value_count { min: 1 max: 1 } }
feature { name: "country" type: BYTES domain: "country" presence { min_fraction: 0.9 min_count: 1 } }
feature { name: "kept" type: INT not_in_environment: "SERVING" }
string_domain { name: "country" value: "de" value: "fr" }
default_environment: "TRAINING"
default_environment: "SERVING"
"""


@pytest.fixture
def schema():
    return text_format.Parse(TEXT, schema_pb2.Schema())


@pytest.fixture
def other(schema):
    result = schema_pb2.Schema()
    result.CopyFrom(schema)
    return result


def test_equal_schemas_do_not_differ(schema, other):
    assert diff(schema, other) == []


def test_differences_are_listed_by_feature(schema, other):
    other.feature[0].type = schema_pb2.INT
    other.feature[0].presence.min_fraction = 0.5
    other.string_domain[0].value.append("us")
    del other.feature[2]
    other.feature.add(name="topics", type=schema_pb2.BYTES)
    assert diff(schema, other) == [
        "~ age: type float → int",
        "~ age: in at least 90% → 50% of the documents",
        "~ country: also allowed: us",
        "- kept: removed",
        "+ topics: new, array of text, in at least 0% of the documents",
    ]


def test_a_difference_without_its_own_wording_is_still_listed(schema, other):
    other.feature[0].drift_comparator.jensen_shannon_divergence.threshold = 0.1
    assert diff(schema, other) == [
        "~ age: drift_comparator not set → jensen_shannon_divergence { threshold: 0.1 }"
    ]


def test_an_inferred_schema_stays_beside_the_reviewed_one_until_approved(schema, tmp_path):
    file = tmp_path / "schema" / "schema.pbtxt"
    assert offer(schema, file) == pending_path(file) == tmp_path / "schema" / "schema.pbtxt.inferred"
    assert not file.exists()
    approve(file)
    assert read_schema(file) == schema
    assert not pending_path(file).exists()


def test_nothing_to_approve_is_an_error(tmp_path):
    with pytest.raises(DataError, match="awaiting review"):
        approve(tmp_path / "schema.pbtxt")


def test_damaged_pending_schema_does_not_replace_the_reviewed_one(schema, tmp_path):
    file = tmp_path / "schema.pbtxt"
    offer(schema, file)
    approve(file)
    pending_path(file).write_text("feature { nam")
    with pytest.raises(DataError, match="TFDV schema as text"):
        approve(file)
    assert read_schema(file) == schema


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("feature { nme: 1 }", "nme"),
        ("", "no features"),
        ('feature { name: "a" } feature { name: "a" }', "a twice"),
    ],
    ids=["unknown field", "empty", "twice"],
)
def test_unreadable_schema_is_one_clear_error(tmp_path, text, message):
    file = tmp_path / "schema.pbtxt"
    file.write_text(text)
    with pytest.raises(DataError, match=message):
        read_schema(file)


def test_missing_schema_is_one_clear_error(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_schema(tmp_path / "schema.pbtxt")


def test_an_unwritable_folder_is_a_storage_error(schema, tmp_path):
    (tmp_path / "schema").write_text("a file where a folder should be")
    with pytest.raises(StorageError, match="schema"):
        offer(schema, tmp_path / "schema" / "schema.pbtxt")
