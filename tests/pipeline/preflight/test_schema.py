"""A document and a reviewed schema that name different features are told apart before the run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.preflight import Review

DOCUMENTS = [{"n": i % 17, "m": i % 5, "won": i % 2} for i in range(300)]
FEATURE = (
    'feature {{ name: "{name}" type: {kind} presence {{ min_fraction: {share} min_count: 1 }} {more} }}\n'
)


def write_schema(folder: Path, **kinds: str) -> None:
    path = folder / "schema/people/schema.pbtxt"
    path.parent.mkdir(parents=True)
    text = [
        FEATURE.format(name=name, kind=kind.split()[0], share=1.0, more=" ".join(kind.split()[1:]))
        for name, kind in {"_id": "BYTES", "n": "INT", "won": "INT", **kinds}.items()
    ]
    path.write_text("".join(text), encoding="utf-8")


@pytest.mark.parametrize(
    ("kinds", "sections", "words"),
    [
        pytest.param({}, {}, "", id="same"),
        pytest.param(
            {"m": "INT"},
            {},
            "feature 'm'; expected only features that the document reads; seen: the document no longer reads it; remedy: delete its 'feature' block",
            id="dropped",
        ),
        pytest.param({"m": "INT lifecycle_stage: DEPRECATED"}, {}, "", id="deprecated"),
        pytest.param({"nn": "INT"}, {}, "did you mean 'n'?", id="renamed"),
        pytest.param(
            {},
            {"features": {"n": "zscore", "m": "zscore"}},
            "expected the feature 'm', which the document reads; seen: a schema without it",
            id="new",
        ),
        pytest.param(
            {},
            {"data": {"fields": {"n": {"type": "float"}}}},
            "feature 'n'; expected the type INT of the schema; seen: type float",
            id="type",
        ),
        pytest.param(
            {"m": "INT"},
            {"data": {"fields": {"m": "m"}, "privacy": {"rules": {"m": "drop"}}}},
            "the document no longer reads it",
            id="dropped on reading",
        ),
    ],
)
def test_features_of_one_alone(
    reviewed: Callable[..., Review],
    tmp_path: Path,
    kinds: dict[str, str],
    sections: dict[str, Any],
    words: str,
) -> None:
    write_schema(tmp_path, **kinds)
    found = [str(one) for one in reviewed(DOCUMENTS, **sections).remarks]
    assert len(found) == bool(words), found
    assert all(words in line and "penstock schema infer" in line for line in found), found


def test_where_anomalies_only_warn_so_does_this(reviewed: Callable[..., Review], tmp_path: Path) -> None:
    write_schema(tmp_path, m="INT")
    (found,) = reviewed(DOCUMENTS, validate={"on_anomaly": "warn"}).remarks
    assert not found.certain
