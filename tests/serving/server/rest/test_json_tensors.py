"""The fast path from JSON to arrays agrees with the careful one."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.server.rest import json_tensors
from serving.server.status import ServingError
from tests.serving.server.rest.running import DTYPES

_LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**64), 2**65), st.floats(), st.text(max_size=3),
    st.just({"b64": "YQ=="}), st.just({"b64": "?"}), st.just({}),
)  # fmt: skip
_VALUES = st.recursive(_LEAVES, lambda inner: st.lists(inner, max_size=4), max_leaves=12)


def _careful(value: Any, dtype: int) -> np.ndarray | str:
    try:
        return json_tensors._careful(value, dtype)
    except ServingError as error:
        return error.message


@settings(max_examples=2000, deadline=None)
@given(_VALUES, st.sampled_from(sorted(set(DTYPES.values()) - {19})))
def test_fast_and_careful_agree(value: Any, dtype: int) -> None:
    if _has_huge(value):
        return
    made = json_tensors._quick(value, dtype, True)
    if made is None:
        return
    careful = _careful(value, dtype)
    assert not isinstance(careful, str), careful
    assert (made.shape, made.dtype) == (careful.shape, careful.dtype)
    np.testing.assert_array_equal(made, careful)


@settings(max_examples=500, deadline=None)
@given(_VALUES, st.sampled_from(sorted(set(DTYPES.values()) - {19})))
def test_without_booleans_types_need_no_check(value: Any, dtype: int) -> None:
    if _has_bool(value) or _has_huge(value):
        return
    looked, unlooked = json_tensors._quick(value, dtype, True), json_tensors._quick(value, dtype, False)
    assert (looked is None) == (unlooked is None)
    if looked is not None and unlooked is not None:
        np.testing.assert_array_equal(looked, unlooked)


def _has_bool(value: Any) -> bool:
    return isinstance(value, bool) or (isinstance(value, list) and any(map(_has_bool, value)))


def _has_huge(value: Any) -> bool:
    """Integers that the JSON reader never returns: above 64 bits it returns floats."""
    if isinstance(value, list):
        return any(map(_has_huge, value))
    return type(value) is int and not -(2**63) <= value < 2**64
