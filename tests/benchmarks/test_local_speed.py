"""The benchmark's own arithmetic: rows made equal, processes measured, tables written between their markers."""

from __future__ import annotations

import csv
import json
import math
import sys
from pathlib import Path

import pytest

from foundation.errors import DataError, NodeError, SpecError

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))

from local_speed import data, measure, sides, tables
from local_speed.measure import Measured

REPOSITORY = Path(__file__).resolve().parents[2]


def test_both_files_hold_the_same_rows(tmp_path: Path) -> None:
    made = data.make_data(tmp_path, 50)
    documents = [json.loads(line) for line in made.mongo.read_text().splitlines()]
    with (made.csv_folder / "learners.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(documents) == 50
    for row, document in zip(rows, documents, strict=True):
        expected = {k: "" if v is None else str(v) for k, v in data.flat_row(document).items()}
        assert row == expected


def test_made_data_is_kept(tmp_path: Path) -> None:
    first = data.make_data(tmp_path, 20)
    written = first.mongo.stat().st_mtime_ns
    assert data.make_data(tmp_path, 20) == first
    assert first.mongo.stat().st_mtime_ns == written


@pytest.mark.parametrize(
    ("rows", "steps"), [(15_000, 1000), (1_000_000, 2735)], ids=["small", "one pass over the train split"]
)
def test_steps_for(rows: int, steps: int) -> None:
    assert sides.steps_for(rows) == steps


def test_last_json_skips_what_libraries_print() -> None:
    assert sides.last_json('warning: {x}\n{\n "a": {"b": 1}\n}\n') == {"a": {"b": 1}}
    with pytest.raises(DataError, match="expected a JSON object"):
        sides.last_json("nothing")


def test_the_moment_of_what_is_waited_for_is_noticed(tmp_path: Path) -> None:
    script = "import sys, time; print('a', flush=True); time.sleep(0.3); print('Blessed: x', flush=True); time.sleep(0.3)"
    command = [sys.executable, "-c", script]
    with measure.session() as measuring:
        took = measuring.run(command, tmp_path, tmp_path / "log", 30, waits_for="Blessed:")
        assert took.told is not None
        assert 0.3 < took.told < took.wall - 0.2
        assert measuring.run(command, tmp_path, tmp_path / "log", 30, waits_for="never").told is None
        assert measuring.run(command, tmp_path, tmp_path / "log", 30).told is None


def test_cpu_of_orphans_is_counted(tmp_path: Path) -> None:
    done = tmp_path / "done"
    busy = f"import time\nwhile time.process_time() < 0.3: pass\nopen({str(done)!r}, 'w')"
    parent = f"""import os, subprocess, sys, time
subprocess.Popen([sys.executable, '-c', {busy!r}])
while not os.path.exists({str(done)!r}): time.sleep(0.01)
time.sleep(0.2)"""
    found = measure.run_measured([sys.executable, "-c", parent], tmp_path, tmp_path / "log", 30)
    assert found.cpu >= 0.3
    assert found.wall >= 0.3
    assert found.peak > 0


@pytest.mark.parametrize(
    ("code", "limit", "seen"),
    [
        ("import sys; print('why'); sys.exit(3)", 30.0, "exit code 3.*why"),
        ("import time; time.sleep(60)", 0.3, "exit code -9"),
    ],
    ids=["fails", "takes too long"],
)
def test_a_command_that_fails_or_hangs(tmp_path: Path, code: str, limit: float, seen: str) -> None:
    with pytest.raises(NodeError, match=seen):
        measure.run_measured([sys.executable, "-c", code], tmp_path, tmp_path / "log", limit)


def test_parent_in_stat_with_an_odd_name() -> None:
    assert measure.parent_in_stat("12 (a) b (c) S 7 12 12 0") == 7


def result(wall: float) -> sides.SideResult:
    names = {name for pair in tables.SAME_WORK for name in pair if name}
    took = Measured(wall, 2 * wall, 2**30)
    return sides.SideResult(
        first=took,
        again=took,
        nodes=dict.fromkeys(names, 1.0),
        metrics={**dict.fromkeys(sides.METRICS, 0.8), "rows": 3000},
        held_out={"auc": 0.81, "standard_error": 0.003},
        short=dict.fromkeys(sides.SHORT_COMMANDS, took),
    )


def test_render_says_medians_and_the_median_ratio_of_the_repeats() -> None:
    repeats = [{"stock": result(w), "penstock": result(w / 4)} for w in (100.0, 90.0, 140.0)]
    text = tables.render(repeats, 15_000, 1000, "a machine")
    line = "| export to pushed model, wall | 100.0 s (90.0 – 140.0) | 25.0 s (22.5 – 35.0) | 0.25× |"
    assert line in text
    assert "3 repeats" in text
    assert "| — was TensorFlow imported? | no |" in text


def test_write_between_replaces_only_its_own(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    begin, end = tables.markers(15_000)
    page.write_text(f"above\n{begin}\nold\n{end}\nbelow\n")
    tables.write_between(page, 15_000, "new")
    assert page.read_text() == f"above\n{begin}\nnew\n{end}\nbelow\n"
    with pytest.raises(SpecError, match="results 99 begin"):
        tables.write_between(page, 99, "new")


@pytest.mark.parametrize("rows", [15_000, 1_000_000, "taxi"])
def test_the_documentation_has_a_place_for_results(rows: int | str) -> None:
    tables.check_markers(REPOSITORY / "docs" / "benchmarks.md", rows)


def test_the_document_is_right(tmp_path: Path) -> None:
    from string import Template

    from pipeline.document.loader import load

    text = Template((sides.HERE / "pipeline.yaml").read_text())
    document = tmp_path / "pipeline.yaml"
    document.write_text(text.substitute(export="learners.jsonl", steps=1000, seed=1))
    spec = load([document], []).spec
    assert spec.train.steps == spec.train.steps_per_epoch == 1000
    assert math.isclose(spec.train.learning_rate, 0.003)
