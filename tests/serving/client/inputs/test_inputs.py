from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from serving.client import DType, InputError, Signature, TensorInfo
from serving.client.inputs.dense import build_inputs


def signature(optional: tuple[str, ...] = (), **inputs: tuple[DType, tuple[int, ...] | None]) -> Signature:
    named = {name: TensorInfo(name, *said, name in optional) for name, said in inputs.items()}
    return Signature("serving_default", "tensorflow/serving/predict", named, {})


F = DType.FLOAT


@pytest.mark.parametrize(
    ("declared", "value", "shape"),
    [
        ((-1,), [1.0, 2.0], (2,)),
        ((-1,), 1.0, (1,)),
        ((-1, 2), [1.0, 2.0], (1, 2)),
        ((-1, 1), [1.0, 2.0], (2, 1)),
        ((-1, 1), 1.0, (1, 1)),
        ((-1, 1), [1.0], (1, 1)),
        ((-1, -1), [1.0, 2.0], (1, 2)),
        ((-1, 3, 1), [[1, 2, 3], [4, 5, 6]], (2, 3, 1)),
        ((), 1.0, ()),
        (None, [[1.0]], (1, 1)),
        ((-1,), [[1.0], [2.0]], (2, 1)),
    ],
)
def test_a_missing_axis_is_added_where_one_reading_fits(
    declared: tuple[int, ...] | None, value: Any, shape: tuple[int, ...]
) -> None:
    assert build_inputs(signature(x=(F, declared)), value, "m")["x"].shape == shape


@pytest.mark.parametrize(
    ("declared", "value", "said"),
    [
        ((-1, 3), [1.0, 2.0], r"shape \[2\]"),
        ((-1, 2, 2), [1.0, 2.0], r"float32 \[-1, 2, 2\]"),
        ((2, 2), [1.0, 2.0], "shape"),
    ],
)
def test_an_axis_that_could_be_several_is_refused(declared: tuple[int, ...], value: Any, said: str) -> None:
    with pytest.raises(InputError, match=rf"input 'x'.*{said}.*give every axis"):
        build_inputs(signature(x=(F, declared)), value, "model 'm'")


def test_rows_become_columns() -> None:
    made = build_inputs(
        signature(a=(DType.INT64, (-1,)), b=(F, (-1, 2)), c=(DType.STRING, (-1, 1))),
        [{"a": 1, "b": [1, 2], "c": "x"}, {"a": 2, "b": (3, 4), "c": "y"}],
        "m",
    )
    np.testing.assert_array_equal(made["a"], [1, 2])
    np.testing.assert_array_equal(made["b"], np.float32([[1, 2], [3, 4]]))
    assert made["c"].tolist() == [[b"x"], [b"y"]]


def test_a_single_example_gets_its_batch_axis_in_every_input() -> None:
    made = build_inputs(signature(a=(F, (-1,)), b=(F, (-1, 2))), {"a": 1, "b": [1, 2]}, "m")
    assert {name: array.shape for name, array in made.items()} == {"a": (1,), "b": (1, 2)}


def test_a_mix_of_batch_and_single_values_is_refused() -> None:
    with pytest.raises(InputError, match="input 'a'; expected 2 rows, as 'b' has"):
        build_inputs(signature(a=(F, (-1,)), b=(F, (-1, 2))), {"a": 1, "b": [[1, 2], [3, 4]]}, "m")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"lesson": [1]}, "input 'lesson'; expected one of country, lessons; remedy: did you mean 'lessons'"),
        ({"lessons": [1]}, "a value for every input; seen: none for country"),
        ([{"lessons": 1, "country": "DE"}, {"lessons": 2}], "row 1; expected a value for 'country'"),
        ([1, 2], "a mapping with the inputs country, lessons"),
        ({}, "seen: none for country, lessons"),
    ],
)
def test_names_are_checked_against_the_signature(values: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        build_inputs(signature(country=(DType.STRING, (-1,)), lessons=(F, (-1,))), values, "m")


def test_an_input_with_a_default_may_be_omitted() -> None:
    assert set(build_inputs(signature(("b",), a=(F, (-1,)), b=(F, (-1,))), {"a": [1]}, "m")) == {"a"}


def test_missing_values_get_their_mark() -> None:
    made = build_inputs(
        signature(n=(DType.INT64, (-1,)), f=(F, (-1,)), t=(DType.STRING, (-1, -1)), o=(F, (-1, 1))),
        [{"n": 1, "f": None, "t": ["a", "b"]}, {"n": None, "f": 2.5, "t": None}, {"t": ["c", None]}],
        "m",
        fill=True,
    )
    np.testing.assert_array_equal(made["n"], [1, -(2**63), -(2**63)])
    np.testing.assert_array_equal(made["f"], np.float32([np.nan, 2.5, np.nan]))
    assert made["t"].tolist() == [[b"a", b"b"], [b"", b""], [b"c", b""]]
    assert made["o"].shape == (3, 1)
    assert np.isnan(made["o"]).all()


def test_missing_values_in_a_data_frame_are_marked() -> None:
    columns = {"n": np.array([1.0, np.nan]), "t": np.array(["a", None], object), "f": np.array([np.nan, 1])}
    made = build_inputs(
        signature(n=(DType.INT64, (-1,)), t=(DType.STRING, (-1,)), f=(F, (-1,))), columns, "m", fill=True
    )
    assert made["n"].tolist() == [1, -(2**63)]
    assert made["t"].tolist() == [b"a", b""]
    assert np.isnan(made["f"][0])


def test_a_column_that_is_missing_everywhere_has_the_declared_rank() -> None:
    made = build_inputs(
        signature(a=(F, (-1,)), t=(DType.STRING, (-1, -1))), [{"a": 1, "t": None}] * 2, "m", fill=True
    )
    assert made["t"].tolist() == [[b""], [b""]]


MARKS = {DType.STRING: b"", DType.FLOAT: np.nan, DType.DOUBLE: np.nan, DType.INT64: -(2**63)}
"""Types that have a mark for missing values."""
EVERY = sorted(set(DType.__members__.values()) & {
    *MARKS, DType.BOOL, DType.INT32, DType.INT8, DType.UINT8, DType.UINT64, DType.HALF, DType.BFLOAT16, DType.COMPLEX64,
})  # fmt: skip


@pytest.mark.parametrize("dtype", EVERY, ids=lambda dtype: dtype.name)
@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ([[]], (1, 0)),
        ([[], []], (2, 0)),
        (([], ()), (2, 0)),
        (np.zeros((3, 0)), (3, 0)),
        (np.zeros((0, 2), object), (0, 2)),
        ([], (1, 0)),
    ],
    ids=["one row", "two rows", "tuples", "array", "no rows", "bare"],
)
def test_empty_lists_are_empty_tensors_of_the_declared_type(
    dtype: DType, value: Any, shape: tuple[int, ...]
) -> None:
    made = build_inputs(signature(x=(dtype, (-1, -1))), value, "m")["x"]
    assert (made.shape, made.dtype) == (shape, dtype.numpy)


@pytest.mark.parametrize("dtype", list(MARKS), ids=lambda dtype: dtype.name)
@pytest.mark.parametrize(
    "rows",
    [
        [{"x": []}],
        [{"x": []}, {"x": []}],
        [{"x": None}, {"x": []}],
        [{"x": [None]}, {}],
        [{"x": np.array([])}, {"x": ()}],
        [{"x": float("nan")}, {"x": [None, None]}],
        {"x": [[], []]},
        {"x": np.empty((2, 0), object)},
    ],
    ids=["one", "two", "none", "omitted", "arrays", "nan", "column", "empty array"],
)
def test_rows_without_any_value_hold_marks_only(dtype: DType, rows: Any) -> None:
    known = {"x": (dtype, (-1, -1)), "other": (DType.INT64, (-1,))}
    count = len(rows["x"]) if isinstance(rows, dict) else len(rows)
    given = (
        {**rows, "other": [1] * count} if isinstance(rows, dict) else [{**row, "other": 1} for row in rows]
    )
    made = build_inputs(signature(**known), given, "m", fill=True)["x"]
    assert made.dtype == dtype.numpy
    assert made.shape[0] == count and made.shape[1] > 0
    np.testing.assert_array_equal(made, np.full(made.shape, MARKS[dtype], dtype.numpy))


@pytest.mark.parametrize("dtype", list(MARKS), ids=lambda dtype: dtype.name)
def test_a_scalar_that_is_missing_everywhere_is_its_mark(dtype: DType) -> None:
    both = signature(x=(dtype, (-1,)), y=(dtype, (-1,)))
    for rows in ([{"x": None}, {}], {"x": [None, None]}, {"x": np.array([None, None], object)}):
        for made in build_inputs(both, rows, "m", fill=True).values():
            np.testing.assert_array_equal(made, np.full(2, MARKS[dtype], dtype.numpy))


def test_a_type_without_a_mark_says_so() -> None:
    with pytest.raises(InputError, match="marks in string, float and int64 only"):
        build_inputs(signature(n=(DType.INT32, (-1,))), {"n": [None, 1]}, "m", fill=True)


def test_a_data_frame_is_rows_for_dense_inputs_and_for_examples() -> None:
    import pandas as pd

    from serving.client import ModelMetadata
    from serving.client.inputs.prepare import build_tensors
    from serving.wire import client_pb2

    dense = signature(n=(DType.INT64, (-1,)), t=(DType.STRING, (-1,)))
    parsed = Signature("serving_examples", "", {"examples": TensorInfo("examples", DType.STRING, (-1,))}, {})
    model = ModelMetadata("m", 1, {"serving_default": dense, "serving_examples": parsed})
    frame = pd.DataFrame({"n": [1, None], "t": ["a", None]})
    made = build_tensors(model, dense, frame, "m", None)
    assert (made["n"].tolist(), made["t"].tolist()) == ([1, -(2**63)], [b"a", b""])
    first, second = (
        client_pb2.Example.FromString(e) for e in build_tensors(model, parsed, frame, "m", None)["examples"]
    )
    assert list(first.features.feature["n"].int64_list.value) == [1]
    assert list(first.features.feature["t"].bytes_list.value) == [b"a"]
    assert not second.features.feature
