"""What is done once for all columns, and not once more for each of many."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from components.exports import tally as count
from components.exports.blocks import plan_items, recognise_all
from components.exports.fields import FieldConfig
from components.mongo_example_gen import preview as previewing
from components.mongo_example_gen.checks import absent_paths
from components.mongo_example_gen.config import DataConfig, MisfitsConfig
from components.mongo_example_gen.misfits import unfit_values
from components.mongo_example_gen.plan import Plan, make_plan
from components.mongo_example_gen.preview import preview
from components.mongo_example_gen.sampling import look


class Watched(Counter[Any]):
    """A tally that counts how often it is gone through."""

    times = 0

    def items(self) -> Any:
        self.times += 1
        return super().items()

    def __iter__(self) -> Any:
        self.times += 1
        return super().__iter__()


def config_of(**more: Any) -> DataConfig:
    return DataConfig.model_validate({"mongo_export": "e.jsonl", "label": "y", **more})


def plan_of(columns: int, kind: str | None = "int") -> Plan:
    fields = {f"f{number}": FieldConfig(type=kind) for number in range(columns)}  # type: ignore[arg-type]
    return make_plan(config_of(), {**fields, "y": FieldConfig(type="bool")}, labelled=True)


def tally_of(columns: int) -> Watched:
    tally = Watched({count.READ: 9})
    for number in range(columns):
        tally[count.kind(f"f{number}", "int")] = 5
        tally[count.misfit(f"f{number}", "no number")] = 4
    return tally


def test_all_sections_at_once_say_what_each_says() -> None:
    tally = tally_of(3)
    tally[count.misfit("f1", "never")] = 0
    found = count.sections(tally)
    for head in (("documents",), ("kinds", "f2"), ("misfits", "f1"), ("misfits", "nothing")):
        assert found[head] == count.section(tally, *head)


@pytest.mark.parametrize("check", ["values", "paths"])
def test_a_tally_is_not_gone_through_once_more_for_each_column(check: str) -> None:
    times = []
    for columns in (3, 300):
        tally, plan = tally_of(columns), plan_of(columns)
        errors = (
            unfit_values(tally, plan, MisfitsConfig())
            if check == "values"
            else absent_paths(tally, plan, set())
        )
        assert len(list(errors)) == (columns if check == "values" else 1)
        times.append(tally.times)
    assert times[0] == times[1]


def export(folder: Path, documents: int, columns: int) -> Path:
    path = folder / "e.jsonl"
    lines = (
        json.dumps({"_id": i, "y": bool(i % 2), **{f"f{c}": i * c for c in range(columns)}})
        for i in range(documents)
    )
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_only_columns_without_a_type_are_sampled(tmp_path: Path) -> None:
    items = plan_items(recognise_all([(export(tmp_path, 60, 5), "e.jsonl")], "auto"))
    declared, undeclared = (look(items, plan_of(5, kind)) for kind in ("int", None))
    assert declared.kinds == {}
    assert undeclared.kinds == {f"f{number}": {"int"} for number in range(5)}
    assert declared.paths == undeclared.paths >= {"f0", "f4", "y"}


def test_of_a_large_export_of_wide_documents_fewer_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from components.exports.source import resolve

    monkeypatch.setattr(previewing, "MOST_BYTES", 100_000)
    export(tmp_path, 1500, 400)
    fields = {f"f{number}": FieldConfig(type="int") for number in range(400)}
    seen = preview(
        config_of(), {**fields, "y": FieldConfig(type="bool")}, resolve("e.jsonl", tmp_path), tmp_path
    )
    assert seen.documents <= 500
