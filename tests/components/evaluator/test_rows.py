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


def test_both_zeros_are_one_slice_of_one_name():
    found = sliced(pa.record_batch({"level": [[-0.0], [0.0], [1.5]]}), "level")
    assert repr(found) == "{(('level', 0.0),): [0, 1], (('level', 1.5),): [2]}"


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


def ids(*values):
    return pa.RecordBatch.from_pydict({"_id": pa.array(values, pa.list_(pa.binary()))})


def test_independent_rows_are_grouped_by_their_id_whatever_their_bytes():
    batch = ids([b"a"], None, [b"c"])
    first, second = (
        rows.groups(batch, [b"1", b"2", b"3"], "_id"),
        rows.groups(batch, [b"x", b"2", b"y"], "_id"),
    )
    assert np.array_equal(first, second)
    assert not np.array_equal(first, rows.groups(batch, [b"1", b"x", b"3"], "_id"))


def test_rows_of_one_key_are_one_group():
    batch = pa.RecordBatch.from_pydict({"user": pa.array([[b"u"], [b"v"], [b"u"]], pa.list_(pa.binary()))})
    found = rows.groups(batch, [b"1", b"2", b"3"], "user")
    assert found[0] == found[2] != found[1]


def test_the_number_of_a_group_is_read_from_the_row_where_the_schema_does_not_name_it():
    from tensorflow.core.example import example_pb2

    examples = [example_pb2.Example() for _ in range(3)]
    for example, number in zip(examples, (7, 9, 7), strict=True):
        example.features.feature["(group)"].int64_list.value.append(number)
    found = rows.groups(ids([b"a"], [b"b"], [b"c"]), [e.SerializeToString() for e in examples], "(group)")
    assert found.tolist() == [7, 9, 7]


def test_rows_without_the_key_are_refused():
    from tensorflow.core.example import example_pb2

    empty = example_pb2.Example().SerializeToString()
    with pytest.raises(DataError, match="ingest again"):
        rows.groups(ids([b"a"]), [empty], "(group)")
