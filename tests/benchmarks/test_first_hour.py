"""The first hour's own arithmetic: exports with their types, how far behind a model is, tables between their markers."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from foundation.errors import SpecError

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))

from first_hour import baselines, data_sets, run


def test_an_export_keeps_types_and_leaves_missing_values_out(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "n": [1, 2],
            "x": [0.5, np.nan],
            "t": ["a", None],
            "at": pd.to_datetime(["2024-01-31", "2024-02-01"]),
        }
    )
    ids = data_sets.write_export(table, tmp_path / "export.jsonl")
    first, second = map(json.loads, (tmp_path / "export.jsonl").read_text().splitlines())
    assert first == {
        "_id": {"$oid": ids[0]},
        "n": 1,
        "x": 0.5,
        "t": "a",
        "at": {"$date": "2024-01-31T00:00:00Z"},
    }
    assert set(second) == {"_id", "n", "at"}


@pytest.mark.parametrize(
    ("metric", "own", "linear", "reached"),
    [
        ("auc", 0.80, 0.809, True),
        ("auc", 0.80, 0.82, False),
        ("rmse", 10.2, 10, True),
        ("rmse", 10.4, 10, False),
    ],
)
def test_how_far_behind(metric: str, own: float, linear: float, reached: bool) -> None:
    result = run.Result("a", "b", 100, 20, metric=metric, penstock=own, others={"linear": linear})
    assert result.reached is reached
    assert not run.Result("a", "b", 100, 20, metric=metric).reached


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_baselines_are_fitted_on_the_other_rows(task: str) -> None:
    draw = np.random.default_rng(0)
    x = draw.normal(size=400)
    y = {"binary": x > 0, "multiclass": np.where(x > 0, "a", "b"), "regression": 3 * x}[task]
    table = pd.DataFrame({"x": x, "c": draw.choice(list("abc"), 400), "y": y})
    test = np.arange(400) >= 300
    found = baselines.scores(table, "y", None, task, test)
    better = found["linear"] < found["constant"] if task == "regression" else found["linear"] > 0.95
    assert better


def test_the_table_goes_between_its_markers(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    with pytest.raises(SpecError, match="expected the lines"):
        run.write_between(page, None)
    page.write_text(f"before\n{run.BEGIN}\nold\n{run.END}\nafter\n")
    others = {"constant": 0.5, "linear": 0.7, "trees": 0.8}
    result = run.Result("a", "b", 100, 20, "binary", "auc", 0.75, False, "too few", 3.0, others)
    run.write_between(page, run.table_of([result], {}))
    text = page.read_text()
    assert "| a (b), 100 / 20 | auc | 0.500 | 0.700 | 0.800 | 0.750 | -0.050 | yes | no | 3 |" in text
    assert "- a: too few" in text
    assert text.startswith("before\n") and text.endswith("after\n")
