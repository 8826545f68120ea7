"""A toy document: what its model refuses is said with the place, the near miss and plain words."""

from __future__ import annotations

import pytest
from pydantic import Field

from foundation.config import Config
from foundation.document.kind import Kind
from foundation.document.problems import Problem, SpecErrors, show_path, show_value
from foundation.document.reader import read_root
from foundation.document.validate import placed, validated


class Wheel(Config):
    """A wheel."""

    spokes: int = Field(ge=3)
    """How many spokes it has."""
    sizes: tuple[int, ...] = ()
    """Sizes it comes in."""


class Bicycle(Config):
    """A bicycle."""

    name: str = Field(pattern="^[a-z]+$")
    """What it is called."""
    wheels: dict[str, Wheel] = Field(default_factory=dict)
    """Where → which wheel."""
    lights: bool | int = True
    """Whether it has lights, or how many."""


BICYCLE: Kind[Bicycle] = Kind(
    Bicycle,
    "bicycle.yaml",
    "draw one",
    "name is required",
    strict=False,
    patterns={"^[a-z]+$": "small letters"},
)


def read(text: str) -> Bicycle:
    return validated(read_root(text, "b.yaml", BICYCLE), BICYCLE)


def test_a_right_document_is_typed() -> None:
    bicycle = read("name: a\nwheels: {front: {spokes: 36, sizes: [26, 28]}}\n")
    assert bicycle.wheels["front"].sizes == (26, 28)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nam: a", "b.yaml:1:1: nam: unknown key 'nam'; did you mean 'name'?"),
        ("wheels: {}", "b.yaml:1:1: name: this key is missing; expected what it is called"),
        ("name: A", "b.yaml:1:7: name: expected small letters; seen: 'A'"),
        (
            "name: a\nwheels: {front: {spokes: 2}}",
            "b.yaml:2:26: wheels.front.spokes: expected at least 3; seen: 2",
        ),
        (
            "name: a\nwheels: {front: {spokes: 3, sizes: [x]}}",
            "b.yaml:2:37: wheels.front.sizes[0]: expected a whole number; seen: 'x'",
        ),
        (
            "name: a\nwheels: {front: {spokes: 3, sizes: x}}",
            "b.yaml:2:36: wheels.front.sizes: expected a list; seen: 'x'; write [x]",
        ),
        ("name: a\nlights: [1]", "b.yaml:2:9: lights: expected true or false or a whole number; seen: a list of 1 item"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_plain_words(text: str, expected: str) -> None:
    with pytest.raises(SpecErrors) as caught:
        read(text)
    assert expected in str(caught.value).splitlines()


def test_all_problems_come_at_once_in_the_order_of_lines() -> None:
    with pytest.raises(SpecErrors) as caught:
        read("wheels: {front: {spkes: 3}}\nlight: 1\nname: 3\n")
    assert [problem.at.line for problem in caught.value.problems if problem.at] == [1, 1, 2, 3]


def test_a_contradiction_is_placed_at_its_key() -> None:
    root = read_root("name: a\nwheels:\n  front: {spokes: 3}\n", "b.yaml", BICYCLE)
    found = [Problem(("wheels", "front", "spokes"), "odd"), Problem(("wheels", "rear"), "missing")]
    assert [str(problem) for problem in placed(found, root)] == [
        "b.yaml:3:19: wheels.front.spokes: odd",
        "b.yaml:2:1: wheels.rear: missing",
    ]


def test_a_key_with_a_line_break_stays_on_one_line() -> None:
    assert show_path(("a", "b\nc\x85")) == 'a."b\\nc\\x85"'


@pytest.mark.parametrize(
    ("value", "shown"),
    [([1], "a list of 1 item"), ({"a": 1, "b": 2}, "a mapping of 2 keys"), ({}, "an empty mapping")],
)
def test_values_are_counted_in_good_english(value: object, shown: str) -> None:
    assert show_value(value) == shown
