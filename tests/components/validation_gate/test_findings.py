from __future__ import annotations

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from components.validation_gate.findings import anomalies, remedy_for

SCHEMA = """
feature { name: "age" type: INT presence { min_fraction: 0.9 min_count: 1 } value_count { min: 1 max: 1 } }
feature { name: "country" type: BYTES domain: "country" distribution_constraints { min_domain_mass: 0.95 } }
string_domain { name: "country" value: "de" value: "fr" }
"""
STATISTICS = """
datasets { num_examples: 100
  features { path { step: "age" } type: FLOAT
    num_stats { common_stats { num_non_missing: 40 num_missing: 60 min_num_values: 1 max_num_values: 3 } } }
  features { path { step: "country" } type: STRING
    string_stats { common_stats { num_non_missing: 100 } unique: 3 rank_histogram {
      buckets { label: "de" sample_count: 80 } buckets { label: "us" sample_count: 12 }
      buckets { label: "a country with a name that is far too long" sample_count: 8 } } } } }
"""


def findings(feature, kind, splits=("train",), description="as TFDV says"):
    text = f'anomaly_info {{ key: "{feature}" value {{ path {{ step: "{feature}" }} reason {{ type: {kind} description: "{description}" }} }} }}'
    found = {split: text_format.Parse(text, anomalies_pb2.Anomalies()) for split in splits}
    statistics = text_format.Parse(STATISTICS, statistics_pb2.DatasetFeatureStatisticsList())
    schema = text_format.Parse(SCHEMA, schema_pb2.Schema())
    return anomalies(found, dict.fromkeys(splits, statistics), schema, stops=True)


@pytest.mark.parametrize(
    ("feature", "kind", "expected", "seen", "rows"),
    [
        (
            "age",
            "FEATURE_TYPE_LOW_FRACTION_PRESENT",
            "at least 90%",
            "40 of 100 documents have one in train",
            60,
        ),
        ("age", "UNEXPECTED_DATA_TYPE", "the type INT", "the type FLOAT in train", 40),
        ("age", "FEATURE_TYPE_HIGH_NUMBER_VALUES", "1 to 1 values", "1 to 3 values in a document", None),
        ("country", "ENUM_TYPE_UNEXPECTED_STRING_VALUES", "one of the 2 values", "'us' 12 times", 20),
        ("extra", "SCHEMA_NEW_COLUMN", "only features in the schema", "in train", None),
        ("age", "FLOAT_TYPE_HAS_NAN", "what the schema says", "as TFDV says in train", None),
    ],
)
def test_anomaly_names_feature_expected_seen_and_rows(feature, kind, expected, seen, rows):
    [finding] = findings(feature, kind)
    assert (finding.feature, finding.rows, finding.stops) == (feature, rows, True)
    assert expected in finding.expected
    assert seen in finding.seen
    assert feature in finding.message


def test_unexpected_values_are_shortened():
    [finding] = findings("country", "ENUM_TYPE_UNEXPECTED_STRING_VALUES")
    assert "'a country with a name t…' 8 times" in finding.seen


def test_one_message_for_all_splits_with_their_rows_added():
    [finding] = findings("age", "SCHEMA_MISSING_COLUMN", splits=("train", "test"))
    assert finding.seen == "40 of 100 documents have one in train, test"
    assert finding.rows == 120


def test_a_feature_that_no_document_has_may_have_been_dropped_from_the_document():
    text = (
        'anomaly_info { key: "gone" value { path { step: "gone" } reason { type: SCHEMA_MISSING_COLUMN } } }'
    )
    found = {"train": text_format.Parse(text, anomalies_pb2.Anomalies())}
    statistics = {"train": text_format.Parse(STATISTICS, statistics_pb2.DatasetFeatureStatisticsList())}
    schema = text_format.Parse(
        SCHEMA + 'feature { name: "gone" type: INT presence { min_fraction: 1 } }', schema_pb2.Schema()
    )
    [finding] = anomalies(found, statistics, schema, stops=True)
    assert "the pipeline's document no longer reads it" in finding.seen
    assert finding.rows == 100
    assert remedy_for([finding]).startswith("delete the 'feature' blocks of gone from the schema")
    assert "delete" not in remedy_for(findings("age", "UNEXPECTED_DATA_TYPE"))
