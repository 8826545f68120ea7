"""The types of the log's columns hold whatever comes."""

from __future__ import annotations

import math

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.experiments.log.kinds import Kind, arrow_type, fitted, from_arrow, kind_of

SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(max_size=4))
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=6)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, None, 2], Kind("int64")),
        ([1, 2.5], Kind("double")),
        ([True, 1], Kind("int64")),
        ([1, [1, 2]], Kind("int64", 1)),
        ([[[1.0]], "a"], Kind("string", 2)),
        (["a", b"\xff"], Kind("binary")),
        ([2**70], Kind("double")),
        ([None], Kind()),
    ],
)
def test_the_narrowest_type_is_found(values: list[object], kind: Kind) -> None:
    assert kind_of(values) == kind


@given(st.lists(VALUES, max_size=6), st.lists(VALUES, max_size=6))
@settings(max_examples=150, deadline=None)
def test_the_joined_type_holds_both(first: list[object], second: list[object]) -> None:
    kind = kind_of(first).joined(kind_of(second))
    assert kind == kind_of(second).joined(kind_of(first)) == kind_of(first + second).joined(kind)
    array = pa.array(fitted(first + second, kind), arrow_type(kind))
    assert len(array) == len(first) + len(second)
    assert from_arrow(array.type) == kind
    for sent, kept in zip(first + second, array.to_pylist(), strict=True):
        assert (sent is None) == (kept is None) or kind.base == "null"


@given(st.lists(st.one_of(st.none(), st.floats()), min_size=1))
def test_numbers_are_kept_exactly(values: list[float | None]) -> None:
    kept = pa.array(fitted(values, kind_of(values)), arrow_type(kind_of(values))).to_pylist()
    for sent, found in zip(values, kept, strict=True):
        assert found == sent or (sent is not None and math.isnan(sent) and math.isnan(found))
