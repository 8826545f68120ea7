"""The base of the document's slices: frozen, strict about keys, described by its docstrings."""

from __future__ import annotations

import pytest
from pydantic import Field, ValidationError

from foundation.config import Config


class Base(Config):
    """A base."""

    first: int = 1
    """What the first
    one means."""


class Slice(Base):
    """A slice."""

    second: list[str] = Field(default_factory=list, alias="two")
    """What the second one means."""
    silent: int = 0


def test_descriptions_are_the_docstrings_under_attributes() -> None:
    assert Slice.descriptions() == {
        "first": "What the first one means.",
        "second": "What the second one means.",
    }


def test_descriptions_are_in_the_json_schema() -> None:
    properties = Slice.model_json_schema(by_alias=True)["properties"]
    assert properties["two"]["description"] == "What the second one means."
    assert "description" not in properties["silent"]


def test_canonical_json_is_stable_and_full() -> None:
    assert Slice(two=["a"]).canonical_json() == '{"first":1,"silent":0,"two":["a"]}'


def test_a_slice_is_frozen_and_knows_its_keys() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Slice().first = 2  # type: ignore[misc]
    with pytest.raises(ValidationError, match="Extra inputs"):
        Slice(frist=2)  # type: ignore[call-arg]
