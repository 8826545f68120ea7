"""Shared values: ``${name}`` anywhere, the environment nowhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from foundation.document.reader import read_text
from pipeline.document import load
from pipeline.document.shared_values import substitute


def substituted(text: str) -> object:
    done, problems = substitute(read_text(text, "f"))
    assert problems == []
    return done.plain()


def problem_of(text: str) -> str:
    return "\n".join(str(problem) for problem in substitute(read_text(text, "f"))[1])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{values: {n: 5}, a: '${n}'}", {"a": 5}),
        ("{values: {n: 5}, a: 'x/${n}/y${ n }'}", {"a": "x/5/y5"}),
        ("{values: {n: [1, {b: 2}]}, a: {c: '${n}'}}", {"a": {"c": [1, {"b": 2}]}}),
        ("{values: {n: '${m}/x', m: s3://y}, a: '${n}'}", {"a": "s3://y/x"}),
        ("{values: {n: true}, a: 'is ${n}'}", {"a": "is true"}),
        ("{values: {n: 1}, a: '$${n} costs $5'}", {"a": "${n} costs $5"}),
        ("{a: 'exports/{SPAN}'}", {"a": "exports/{SPAN}"}),
    ],
)
def test_references(text: str, expected: object) -> None:
    assert substituted(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "{values: {folder: x}, a: '${foldr}'}",
            "f:1:26: a: ${foldr} is not among the shared values; did you mean ${folder}?",
        ),
        ("{a: '${x}'}", "f:1:5: a: ${x} is not among the shared values; define it under values:"),
        (
            "{a: '${env:HOME}'}",
            "f:1:5: a: ${env:HOME}: the document does not read the environment; for a secret, give the variable's name",
        ),
        ("{values: {a: '${b}', b: '${a}'}, c: '${a}'}", "refers to itself"),
        ("{values: {a: [1]}, c: 'x${a}'}", "f:1:23: c: ${a} is neither text nor a number"),
        ("{values: {a: 1}, c: 'x${a'}", "f:1:21: c: an unclosed ${"),
        ("{values: {a: 1}, 'x${a}': 1}", "a key cannot be a shared value"),
        ("{values: {a-b: 1}}", "f:1:11: values.a-b: not a name"),
        ("{values: 3}", "f:1:10: values: expected names and values; seen: 3"),
    ],
)
def test_what_is_refused(text: str, expected: str) -> None:
    assert expected in problem_of(text)


def test_a_value_can_be_overridden(document: Path) -> None:
    document.write_text(
        "values: {rows: 9}\ntrain: {batch_size: '${rows}'}\n" + document.read_text(), encoding="utf-8"
    )
    assert load([document]).spec.train.batch_size == 9
    assert load([document], ["values.rows=11"]).spec.train.batch_size == 11


def test_a_wrong_type_is_shown_where_the_value_is_used(errors_with: Callable[..., str]) -> None:
    message = errors_with("values.n=many", "train.steps=${n}")
    assert message == "--set train.steps: expected a whole number; seen: 'many'"


def test_one_bad_reference_is_one_line(errors_with: Callable[..., str]) -> None:
    assert len(errors_with("train.steps=${nowhere}").splitlines()) == 1
