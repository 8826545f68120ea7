"""A small export without anything that is not linear gets a linear model, others do not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.trainer.config import ModelConfigSlice
from pipeline.document import load
from pipeline.project import create_project

ROWS = 400


def documents(kind: str, shape: str, rows: int = ROWS) -> list[dict[str, Any]]:
    draw = np.random.default_rng(4)
    x = draw.normal(size=(rows, 4))
    group = draw.choice(list("abc"), rows)
    signal = x[:, 0] + 0.5 * x[:, 1] if shape == "linear" else 2.0 * (x[:, 0] * x[:, 1] > 0) + 0.3 * x[:, 2]
    value = signal + draw.normal(size=rows) * (1.5 if shape == "linear" else 0.5)
    label = value if kind == "number" else np.where(value > np.median(value), "yes", "no")
    return [
        {"a": a, "b": b, "c": c, "d": d, "group": str(g), "outcome": y if kind == "number" else str(y)}
        for (a, b, c, d), g, y in zip(x.tolist(), group, label.tolist(), strict=True)
    ]


@pytest.mark.parametrize("kind", ["number", "text"])
@pytest.mark.parametrize(
    ("shape", "chosen"), [("linear", "linear"), ("interactions", ModelConfigSlice().type)]
)
def test_the_model_suits_a_small_export(tmp_path: Path, kind: str, shape: str, chosen: str) -> None:
    text = "".join(json.dumps(document) + "\n" for document in documents(kind, shape))
    (tmp_path / "export.jsonl").write_text(text, encoding="utf-8")
    path = create_project(tmp_path / "p", tmp_path / "export.jsonl", "p", "outcome")[0]
    spec = load([path]).spec
    assert spec.model.type == chosen
    assert (spec.train.early_stopping is None) == (chosen == "linear")


def test_a_large_export_is_not_asked(tmp_path: Path) -> None:
    text = "".join(json.dumps(document) + "\n" for document in documents("text", "linear", 2100))
    (tmp_path / "export.jsonl").write_text(text, encoding="utf-8")
    path = create_project(tmp_path / "p", tmp_path / "export.jsonl", "p", "outcome")[0]
    assert "type:" not in path.read_text(encoding="utf-8").partition("\nmodel:")[2].partition("\n")[0]
