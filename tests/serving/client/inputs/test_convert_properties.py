"""Any value becomes an equal array of the declared type, or an InputError."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from serving.client import DType, InputError, Signature, TensorInfo
from serving.client.grpc.tensors import read_tensor, write_tensor
from serving.client.inputs.convert import array_of
from serving.client.inputs.dense import build_inputs
from serving.client.rest.documents import loads, predict_body, read_output
from serving.wire import requests_pb2

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.integers(-300, 300),
    st.floats(),
    st.complex_numbers(),
    st.text(max_size=5),
    st.binary(max_size=5),
    st.floats(width=32).map(np.float32),
    st.integers(-(2**63), 2**63 - 1).map(np.int64),
    st.just({}),
    st.just(object()),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner), max_leaves=8
)
DTYPES = st.sampled_from([d for d in DType if d is not DType.OTHER])


def flat(value: Any) -> list[Any]:
    return [leaf for v in value for leaf in flat(v)] if isinstance(value, list | tuple) else [value]


def parts(number: Any) -> tuple[float, float]:
    whole = complex(number)
    return whole.real, whole.imag


def same(given: Any, made: Any, dtype: DType) -> bool:
    if dtype is DType.STRING:
        return bool(made == (given.encode() if isinstance(given, str) else given))
    kind = dtype.numpy.kind
    if kind in "iub":
        return bool(made == given)
    if isinstance(given, int):
        return bool(complex(made) == given)
    if kind in "fV" and math.isnan(given):
        return math.isnan(made)
    if any(math.isfinite(a) and not math.isfinite(b) for a, b in zip(parts(given), parts(made), strict=True)):
        return False
    return bool(np.array_equal(np.array(given).astype(dtype.numpy), made, equal_nan=True))


@settings(max_examples=600, deadline=None)
@given(VALUES, DTYPES)
@example(complex(3.4028235677973366e38, math.inf), DType.COMPLEX64)
def test_conversion_keeps_values_or_refuses(value: Any, dtype: DType) -> None:
    try:
        made = array_of(value, dtype, "x")
    except InputError as error:
        assert str(error).startswith("x; expected")
        return
    assert made.dtype == dtype.numpy
    assert all(same(a, b, dtype) for a, b in zip(flat(value), made.ravel(), strict=True))


@settings(max_examples=400, deadline=None)
@given(
    st.one_of(
        VALUES,
        st.dictionaries(st.sampled_from("abc"), VALUES),
        st.lists(st.dictionaries(st.just("a"), VALUES)),
    ),
    DTYPES,
    st.one_of(st.none(), st.lists(st.sampled_from([-1, 1, 2]), max_size=3).map(tuple)),
    st.booleans(),
)
def test_inputs_are_built_or_refused(value: Any, dtype: DType, shape: Any, fill: bool) -> None:
    signature = Signature("s", "", {"a": TensorInfo("a", dtype, shape)}, {})
    try:
        made = build_inputs(signature, value, "m", fill)
    except InputError:
        return
    assert made["a"].dtype == dtype.numpy
    assert shape is None or made["a"].ndim >= len(shape)


@settings(max_examples=300, deadline=None)
@given(VALUES, DTYPES)
def test_both_protocols_carry_the_same(value: Any, dtype: DType) -> None:
    try:
        array = array_of(value, dtype, "x")
    except InputError:
        return
    proto = requests_pb2.Tensor()
    write_tensor(array, dtype, proto)
    assert read_tensor(proto, "x").tobytes() == array.tobytes() or dtype is DType.STRING
    if array.dtype.kind in "cV" or dtype is DType.HALF:
        return
    sent = loads(predict_body("s", {"x": array}))["inputs"]["x"]
    back = read_output(sent, TensorInfo("x", dtype, None))
    if array.size:
        np.testing.assert_array_equal(back, array)
