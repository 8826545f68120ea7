from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from components.evaluator import rows
from foundation.errors import DataError


@pytest.fixture
def batch():
    return pa.RecordBatch.from_pydict(
        {
            "country": pa.array([[b"de"], None, [b"fr"], [b"de"]], pa.list_(pa.binary())),
            "topics": pa.array([[b"food", b"work"], [b"food"], [], None], pa.list_(pa.binary())),
            "age": pa.array([[3], [4], [3], None], pa.list_(pa.int64())),
            "gone": pa.nulls(4),
        }
    )


def sliced(batch, *features):
    return {key: sorted(map(int, where)) for key, where in rows.slices(batch, [features])}


def test_missing_values_form_their_own_slice(batch):
    assert sliced(batch, "country") == {
        (("country", "de"),): [0, 3],
        (("country", "(missing)"),): [1],
        (("country", "fr"),): [2],
    }


def test_row_with_an_array_is_in_the_slice_of_each_item(batch):
    found = sliced(batch, "topics")
    assert found[(("topics", "food"),)] == [0, 1]
    assert found[(("topics", "(missing)"),)] == [2, 3]


def test_crossing_keeps_the_order_of_the_document(batch):
    assert sliced(batch, "country", "age")[(("country", "de"), ("age", 3))] == [0]


@pytest.mark.parametrize("feature", ["gone", "never"])
def test_feature_that_no_row_has_is_one_missing_slice(batch, feature):
    assert sliced(batch, feature) == {((feature, "(missing)"),): [0, 1, 2, 3]}


def test_slicing_without_features_is_overall(batch):
    assert sliced(batch) == {(): [0, 1, 2, 3]}


@pytest.mark.parametrize(
    ("values", "positive", "expected"),
    [
        ([0, 1, 1], None, [0, 1, 1]),
        ([0, 1, 2], 2, [0, 0, 1]),
        ([0, 1, 0], True, [0, 1, 0]),
        (["yes", "no", "yes"], "yes", [1, 0, 1]),
        (["true", "false", "1"], None, [1, 0, 1]),
        ([0.0, 1.0, 2.0], None, [0, 1, 0]),
    ],
)
def test_binary_label_is_one_if_it_is_the_positive_value(values, positive, expected):
    found = rows.numeric_labels("binary", pd.Series(values, dtype=object), positive, [])
    assert found.tolist() == expected


def test_multiclass_label_becomes_the_models_class_id():
    found = rows.numeric_labels("multiclass", pd.Series([3, "b", "z"], dtype=object), None, ["b", "3"])
    assert found.tolist() == [1, 0, -1]


def test_text_is_refused_as_a_regression_label():
    with pytest.raises(DataError, match="a number"):
        rows.numeric_labels("regression", pd.Series(["much"], dtype=object), None, [])


def test_buckets_are_the_same_in_every_run_and_all_used():
    records = [b"row %d" % i for i in range(2000)]
    found = rows.buckets(records)
    assert np.array_equal(found, rows.buckets(records))
    assert len(set(found.tolist())) == rows.BUCKETS


def test_a_row_is_identified_by_its_id_whatever_its_bytes():
    batch = pa.RecordBatch.from_pydict({"_id": pa.array([[b"a"], None, [b"c"]], pa.list_(pa.binary()))})
    assert rows.identities(batch, [b"1", b"2", b"3"]) == [b"a", b"2", b"c"]
    assert rows.identities(batch, [b"other", b"2", b"bytes"]) == [b"a", b"2", b"c"]


def test_a_row_without_an_id_is_identified_by_its_bytes(batch):
    assert rows.identities(batch, [b"1", b"2", b"3", b"4"]) == [b"1", b"2", b"3", b"4"]
