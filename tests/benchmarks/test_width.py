"""The benchmark of width: its documents and pipeline documents are the same each time, and its tables say what was measured."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from components.transform.transformations import TRANSFORMATIONS
from pipeline.document.loader import load
from pipeline.project import create_project

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))

from local_speed.measure import Measured
from width import data, document, tables
from width.tables import Node, Result


def test_documents_are_the_same_each_time_and_differ_by_seed() -> None:
    made = list(data.documents(30, 40))
    assert made == list(data.documents(30, 40))
    assert made != list(data.documents(30, 40, seed=1))


def test_wider_documents_are_narrower_ones_with_more_fields() -> None:
    for narrow, wide in zip(data.documents(8, 30), data.documents(40, 30), strict=True):
        flat = leaves(json.loads(wide))
        assert leaves(json.loads(narrow)).items() <= flat.items()
        assert len([name for name in flat if name.startswith("f")]) <= 40


def leaves(value: dict[str, Any]) -> dict[str, Any]:
    """Returns the values of a document by the last part of their path."""
    found: dict[str, Any] = {}
    for key, item in value.items():
        nested = isinstance(item, dict) and not any(part.startswith("$") for part in item)
        found |= leaves(item) if nested else {key: json.dumps(item)}
    return found


def test_documents_are_messy() -> None:
    made = [json.loads(line) for line in data.documents(60, 400)]
    fields = [leaves(one) for one in made]
    holes = {name for name in data.path_of(4).split(".")[-1:] if sum(name not in one for one in fields)}
    assert holes, "missing keys"
    assert any('"null"' != text == "null" for one in fields for text in one.values())
    kinds = {type(json.loads(one["f0008"])) for one in fields if one.get("f0008", "null") != "null"}
    assert kinds == {int, float, str}, "mixed types"
    assert 0.2 < sum(one[data.LABEL] == "true" for one in fields) / len(fields) < 0.8


def test_data_is_made_once(tmp_path: Path) -> None:
    path = data.make_data(tmp_path, 5, 20)
    written = path.stat().st_mtime_ns
    assert data.make_data(tmp_path, 5, 20).stat().st_mtime_ns == written
    assert len(path.read_text().splitlines()) == 20


def test_every_kind_of_transformation_occurs_and_the_document_is_valid(tmp_path: Path) -> None:
    export = data.make_data(tmp_path, 120, 300)
    project = tmp_path / "project"
    create_project(project, export, "width", data.LABEL)
    document.pipeline_of(project / "pipeline.yaml", project / "every.yaml", every_kind=True)
    plain, every = (load([project / name]).spec for name in ("pipeline.yaml", "every.yaml"))
    assert len(plain.features.declared) > 100, "some have a value of their own in each of so few documents"
    assert every.features.declared.keys() == plain.features.declared.keys()
    text = (project / "every.yaml").read_text(encoding="utf-8")
    assert [kind for kind in TRANSFORMATIONS if kind not in text] == []


def result(cpu: float, served: dict[str, float]) -> Result:
    nodes = {"Transform": Node(cpu, cpu / 2), "Trainer": Node(9.0, 4.0)}
    return Result(Measured(2 * cpu, cpu, 2**31), nodes, 3 * 2**20, 2**20, 2**19, served)


def test_tables_have_ratios_and_what_more_features_cost() -> None:
    served = {"load": 1.5, "pss": 2.0**25}
    found = tables.render(
        {
            20: [{"before": result(40, served), "now": result(20, served)}],
            120: [{"now": result(50, served)}],
        },
        15_295,
        "a machine",
    )
    assert "15,295 documents; 1 repeat. a machine." in found
    assert "| first run, CPU | 40 s | 20 s | 0.50× |" in found
    assert "| Transform, CPU | 20.0 s | 10.0 s | 0.50× |" in found
    assert "| growth of the server, PSS | 32 MiB | 32 MiB | 1.00× |" in found
    assert "| SavedModel on disk | 3.00 MiB |\n" in found, "of a width without a version before"
    assert "| first run | 30.00 s |" in found
    assert "| Trainer | 0.00 s |" in found


def test_a_node_that_one_side_has_not_is_left_open() -> None:
    other = Result(Measured(1.0, 1.0, 1), {"Tuner": Node(1.0, 1.0)}, 1, 1, 1)
    found = tables.render({20: [{"before": result(40, {}), "now": other}]}, 100, "a machine")
    assert "| Tuner, CPU | – | 1.0 s |  |" in found


@pytest.mark.parametrize("width", [1, 30])
def test_paths_are_of_fields_and_not_of_documents_above_others(width: int) -> None:
    paths = [data.path_of(column) for column in range(width)]
    assert not [one for one in paths for other in paths if other.startswith(f"{one}.")]
