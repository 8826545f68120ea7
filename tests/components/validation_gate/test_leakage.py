from __future__ import annotations

import numpy as np
import pytest

from components.validation_gate.leakage import find_leaks

ROWS = 2000


@pytest.fixture
def rows():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, ROWS)
    noise = rng.normal(size=ROWS)
    return {
        "label": [[int(v)] for v in labels],
        "_id": [[f"{i:024x}"] for i in range(ROWS)],
        "age": [[float(v)] if i % 5 else None for i, v in enumerate(noise)],
        "country": [[c] for c in rng.choice(["de", "fr", "us"], ROWS)],
        "user": [[f"u{v}"] for v in rng.integers(0, 900, ROWS)],
        "topics": [[str(t) for t in rng.choice(["food", "work", "home"], 2)] for _ in range(ROWS)],
    }


def leaks(rows, task="binary", **more):
    found = find_leaks(rows, "label", task, more.pop("positive", None), 0.99)
    return {finding.feature: finding.seen for finding in found}


def test_honest_features_and_ids_do_not_leak(rows):
    assert leaks(rows) == {}


@pytest.mark.parametrize(
    ("make", "view"),
    [
        (lambda y, i: [-3.0 * y + (i % 7) / 10], "its size"),
        (lambda y, i: [["lost", "left"][i % 2] if y else "stays"], "its values"),
        (lambda y, i: ["gone"] if y else None, "its presence"),
        (lambda y, i: ["x"] * (1 + y), "its number of items"),
        (lambda y, i: [[4, 8][i % 2] if y else 6], "its values"),
    ],
    ids=["number", "category", "missing", "items", "code"],
)
def test_leaking_feature_is_named_with_its_auc(rows, make, view):
    rows["leak"] = [make(y[0], i) for i, y in enumerate(rows["label"])]
    found = leaks(rows)
    assert set(found) == {"leak"}
    assert view in found["leak"]
    assert "AUC against the label of" in found["leak"]


def test_multiclass_reports_the_best_separated_class(rows):
    rows["label"] = [[["a", "b", "c"][i % 3]] for i in range(ROWS)]
    rows["only_c"] = [[float(y[0] == "c")] for y in rows["label"]]
    assert set(leaks(rows, "multiclass")) == {"only_c"}


def test_regression_names_the_rank_correlation(rows):
    rng = np.random.default_rng(2)
    rows["label"] = [[float(v)] for v in rng.normal(size=ROWS)]
    rows["copy"] = [[-(v[0] ** 3)] for v in rows["label"]]
    found = leaks(rows, "regression")
    assert set(found) == {"copy"}
    assert "rank correlation" in found["copy"]


def test_positive_value_of_a_text_label(rows):
    rows["label"] = [["yes" if v[0] else "no"] for v in rows["label"]]
    rows["leak"] = [[1.0 if v[0] == "yes" else 0.0] for v in rows["label"]]
    assert set(leaks(rows, positive="yes")) == {"leak"}
