from __future__ import annotations

import numpy as np
import pytest

from serving.client import DType, InputError
from serving.client.inputs.convert import array_of

NAN, INF = float("nan"), float("inf")
OVER = 3.4028235677973366e38
"""The smallest double that float32 rounds to infinity."""


@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [
        ([1, 2], DType.FLOAT, [1.0, 2.0]),
        (0.1, DType.FLOAT, np.float32(0.1)),
        ([3.0, -4.0], DType.INT64, [3, -4]),
        ([2**53 + 1, 1], DType.INT64, [2**53 + 1, 1]),
        ([2**64 - 1, 0], DType.UINT64, [2**64 - 1, 0]),
        ([2**62 + 1, 2.0], DType.INT64, [2**62 + 1, 2]),
        ([True, False], DType.INT32, [1, 0]),
        ([True], DType.BOOL, [True]),
        ([float("nan"), float("inf")], DType.FLOAT, [np.nan, np.inf]),
        (np.array([1.5, 2.5]), DType.FLOAT, [1.5, 2.5]),
        (np.array([1, 2], np.int8), DType.DOUBLE, [1.0, 2.0]),
        ([np.float32(1.5), 2], DType.HALF, [1.5, 2.0]),
        ([2**24, 0.5], DType.FLOAT, [2.0**24, 0.5]),
        ([2**25, 1e30, float("inf")], DType.FLOAT, [2.0**25, 1e30, np.inf]),
        ([2**60, -0.5], DType.DOUBLE, [2.0**60, -0.5]),
        ([True, 1e9], DType.FLOAT, [1.0, 1e9]),
        ([2**12, 1j], DType.COMPLEX64, [2.0**12, 1j]),
        ([1 + 2j], DType.COMPLEX64, [1 + 2j]),
        ([complex(1, INF), complex(NAN, -INF)], DType.COMPLEX64, [complex(1, INF), complex(NAN, -INF)]),
        (2**24, DType.FLOAT, 2.0**24),
        ([], DType.INT64, []),
        (range(3), DType.INT32, [0, 1, 2]),
    ],
    ids=str,
)
def test_numbers_become_the_declared_type(value: object, dtype: DType, expected: object) -> None:
    made = array_of(value, dtype, "x")
    assert made.dtype == dtype.numpy
    np.testing.assert_array_equal(made, np.array(expected, dtype.numpy))


@pytest.mark.parametrize(
    "value",
    [["é", b"\xff"], np.array(["é", "b"]), np.array([b"a"]), np.array(["a"], object), "one"],
    ids=["mixed", "unicode", "bytes", "objects", "scalar"],
)
def test_text_becomes_bytes(value: object) -> None:
    made = array_of(value, DType.STRING, "x")
    assert made.dtype == object
    assert all(isinstance(v, bytes) for v in made.ravel())


@pytest.mark.parametrize(
    ("value", "dtype", "said"),
    [
        ([1.5], DType.INT64, "1.5"),
        ([float("nan")], DType.INT64, "nan"),
        ([300], DType.UINT8, "300"),
        ([-1], DType.UINT64, "-1"),
        ([2**63], DType.INT64, "9223372036854775808"),
        ([1e300], DType.FLOAT, "beyond its range"),
        ([complex(OVER, INF)], DType.COMPLEX64, "beyond its range"),
        ([complex(INF, -OVER)], DType.COMPLEX64, "beyond its range"),
        ([complex(OVER, NAN)], DType.COMPLEX64, "beyond its range"),
        (np.array([complex(NAN, OVER)]), DType.COMPLEX64, "beyond its range"),
        ([1e300], DType.COMPLEX64, "beyond its range"),
        (np.array([3e38], DType.BFLOAT16.numpy), DType.HALF, "beyond its range"),
        (np.array([OVER]), DType.BFLOAT16, "beyond its range"),
        ([2**24 + 1], DType.FLOAT, "16777217, which float32 would round"),
        (np.array([2**24 + 1]), DType.FLOAT, "would round"),
        ([2**24 + 1, 0.0], DType.FLOAT, "16777217, which float32 would round"),
        ([0.5, -(2**24) - 1], DType.FLOAT, "-16777217, which float32 would round"),
        ([[1.5], [2**24 + 1]], DType.COMPLEX64, "16777217, which complex64 would round"),
        ([2**53 + 1, 0.5], DType.DOUBLE, "9007199254740993, which float64 would round"),
        ([[[0.5, 2**53 + 1]]], DType.DOUBLE, "9007199254740993"),
        ([np.int64(2**53 + 1), 0.5], DType.DOUBLE, "9007199254740993"),
        ([2**63 + 1, -1], DType.DOUBLE, "9223372036854775809"),
        ([2**53 + 1, 1j], DType.COMPLEX128, "9007199254740993"),
        ([2**11 + 1, 0.5], DType.HALF, "2049, which float16 would round"),
        ([2**8 + 1, 0.5], DType.BFLOAT16, "257, which bfloat16 would round"),
        ([70_000, 0.5], DType.HALF, "70000"),
        ([10**400, 0.5], DType.DOUBLE, "would round"),
        ([10**400], DType.DOUBLE, "larger integer"),
        (["a"], DType.FLOAT, "str"),
        (["1"], DType.INT64, "str"),
        ([1], DType.STRING, "int64"),
        ([1, "a"], DType.STRING, "int, str"),
        ([1], DType.BOOL, "int64"),
        ([1j], DType.FLOAT, "complex"),
        ([None, 1.0], DType.FLOAT, "None.*fill_missing"),
        ([[1], [2, 3]], DType.INT64, "unequal length"),
        ([[1], [2, 3]], DType.STRING, "unequal length"),
        (np.array(["2020-01-01"], "datetime64[D]"), DType.INT64, "datetime64"),
        ({"a"}, DType.STRING, "set"),
    ],
    ids=lambda v: str(v)[:20],
)
def test_lossy_conversions_are_refused(value: object, dtype: DType, said: str) -> None:
    with pytest.raises(InputError, match=rf"input x; expected .*{said}"):
        array_of(value, dtype, "input x")
