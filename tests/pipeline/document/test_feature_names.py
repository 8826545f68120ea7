"""Names of features: what MongoDB allows either works or is refused before anything runs."""

from __future__ import annotations

import keyword

import pytest

from pipeline.document.checks import find_problems
from pipeline.document.models import PipelineSpec
from pipeline.project.create import _plain

ODD = [
    "a b", "a.b", "$x", "é", "日本", "😀", "a/b", "a:b", 'q"q', "q'q", "1st", "-", "#h", "{b}", "~", "*s", "a\\b", "a\nb", "a\tb",
    " ", "trailing ", "a,b", "a=b", "ß", "e\u0301", "x" * 101, "_" * 300, "x\n",
]  # fmt: skip
FIT = [
    *keyword.kwlist,
    "self",
    "examples",
    "label",
    "name",
    "Age",
    "age",
    "_",
    "__init__",
    "x" * 100,
    "prediction",
]


def problems(feature: str, path: str = "from") -> list[str]:
    spec = PipelineSpec.model_validate(
        {
            "name": "p",
            "data": {"mongo_export": "e", "label": "y", "fields": {path: {"to": feature}, "y": "y"}},
            "features": {feature: "zscore"},
            "evaluate": {"metrics": ["auc"], "slices": [feature], "gates": "none"},
        }
    )
    return [str(problem) for problem in find_problems(spec)]


@pytest.mark.parametrize("name", FIT)
def test_a_name_that_works_is_allowed(name: str) -> None:
    assert problems(name) == []


@pytest.mark.parametrize("name", ODD, ids=ascii)
def test_any_other_name_is_refused_with_the_way_to_rename_it(name: str) -> None:
    found = problems(name)
    assert found and all("name" in one for one in found)


@pytest.mark.parametrize("path", [*ODD, *FIT], ids=ascii)
def test_init_gives_every_field_a_name_that_works(path: str) -> None:
    assert problems(_plain(path)) == []
