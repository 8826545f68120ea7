"""Several files and ``--set`` options become one document."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from foundation.document.layers import drop_removed, merge
from foundation.document.reader import read_text
from pipeline.document import SpecErrors, load
from pipeline.document.loader import PIPELINE, LoadedSpec


def layered(*texts: str) -> object:
    root = read_text(texts[0], "0")
    for number, text in enumerate(texts[1:], 1):
        root = merge(root, read_text(text, str(number)), PIPELINE.choices)
    return drop_removed(root).plain()


@pytest.mark.parametrize(
    ("below", "above", "merged"),
    [
        (
            "{features: {x: {buckets: 3}}}",
            "{features: {x: {vocabulary: 5}}}",
            {"features": {"x": {"vocabulary": 5}}},
        ),
        (
            "{features: {x: {vocabulary: {top_k: 5, oov_buckets: 2}}}}",
            "{features: {x: {vocabulary: {top_k: 9}}}}",
            {"features": {"x": {"vocabulary": {"top_k": 9, "oov_buckets": 2}}}},
        ),
        (
            "{metadata: {sqlite: {}}}",
            "{metadata: {mysql: {host: h}}}",
            {"metadata": {"mysql": {"host": "h"}}},
        ),
    ],
    ids=["other transformation", "same transformation", "other store"],
)
def test_one_choice_of_several(below: str, above: str, merged: object) -> None:
    assert layered(below, above) == merged


def test_a_later_file_wins_and_errors_name_the_right_file(document: Path) -> None:
    production = document.with_name("production.yaml")
    production.write_text("train:\n  steps: 500\npush: {to: /srv/models}\n", encoding="utf-8")
    assert load([document, production]).spec.train.steps == 500
    production.write_text("train:\n  steps: none\n", encoding="utf-8")
    with pytest.raises(SpecErrors, match=r"production.yaml:2:10: train.steps: expected a whole number"):
        load([document, production])


def test_relative_paths_are_relative_to_the_first_file(document: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "more.yaml"
    other.parent.mkdir()
    other.write_text("train: {steps: 5}\n", encoding="utf-8")
    assert load([document, other]).folder == document.parent


def test_syntax_errors_of_all_files_come_together(document: Path) -> None:
    first, second = document.with_name("a.yaml"), document.with_name("b.yaml")
    first.write_text("a: [", encoding="utf-8")
    second.write_text("b: 1\nb: 2", encoding="utf-8")
    with pytest.raises(SpecErrors) as caught:
        load([document, first, second], ["=3"])
    assert len(caught.value.problems) == 3


def test_overrides_win_in_order(load_with: Callable[..., LoadedSpec]) -> None:
    spec = load_with("train.steps=5", "train.steps=7", "evaluate.gates=none", "features.country=!remove").spec
    assert (spec.train.steps, spec.evaluate.gates) == (7, "none")
    assert list(spec.features.declared) == ["lessons"]
