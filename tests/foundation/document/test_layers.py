"""Several layers and ``--set`` options become one tree."""

from __future__ import annotations

import pytest

from foundation.document.layers import drop_removed, merge, read_overrides
from foundation.document.problems import SpecErrors
from foundation.document.reader import read_text


@pytest.mark.parametrize(
    ("below", "above", "merged"),
    [
        ("{a: {b: 1, c: 2}}", "{a: {c: 3}}", {"a": {"b": 1, "c": 3}}),
        ("{a: [1, 2]}", "{a: [3]}", {"a": [3]}),
        ("{a: {b: 1}}", "{a: null}", {"a": None}),
        ("{a: {b: 1, c: 2}}", "{a: {b: !remove }}", {"a": {"c": 2}}),
        ("{a: 1}", "{b: !remove }", {"a": 1}),
        ("{one: {a: {x: 1}}}", "{one: {b: {y: 2}}}", {"one": {"b": {"y": 2}}}),
        ("{one: {a: {x: 1}}}", "{one: {a: {y: 2}}}", {"one": {"a": {"x": 1, "y": 2}}}),
        ("{any: {k: {a: 1}}}", "{any: {k: {b: 2}}}", {"any": {"k": {"b": 2}}}),
    ],
    ids=[
        "deep",
        "list",
        "null",
        "remove",
        "remove nothing",
        "other choice",
        "same choice",
        "choice under any key",
    ],
)
def test_merging(below: str, above: str, merged: object) -> None:
    choices = (("one",), ("any", "*"))
    assert drop_removed(merge(read_text(below, "0"), read_text(above, "1"), choices)).plain() == merged


@pytest.mark.parametrize(
    ("override", "read"),
    [
        ("a.b=3", {"a": {"b": 3}}),
        ("a=[1, x]", {"a": [1, "x"]}),
        ("a=", {"a": None}),
        ("a=b=c", {"a": "b=c"}),
        ('data."x.y".to=z', {"data": {"x.y": {"to": "z"}}}),
        ('"a=b".c=1', {"a=b": {"c": 1}}),
        (' a.b = "0" ', {"a": {"b": "0"}}),
    ],
)
def test_reading_overrides(override: str, read: object) -> None:
    assert read_overrides([override])[0].plain() == read


@pytest.mark.parametrize("override", ["", "=3", "a..b=3", ".a=3", "a.=3", "a b=3", 'a"=3'])
def test_broken_overrides(override: str) -> None:
    with pytest.raises(SpecErrors, match=r"--set .*expected key=value"):
        read_overrides([override])


def test_an_override_of_broken_yaml_names_its_key() -> None:
    with pytest.raises(SpecErrors, match=r"--set a\.b: this is not YAML"):
        read_overrides(["a.b={"])
