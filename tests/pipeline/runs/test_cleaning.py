"""What ``penstock clean`` removes, and what it never removes."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from components.tuner.result import Trials
from pipeline.lineage.records import Artifact, Execution
from pipeline.lineage.store import MemoryLineage
from pipeline.runs.book import RunBook, RunRecord
from pipeline.runs.cleaning import candidates, kept_spans, remove_folders, unused_searches


def lineage(root: Path, blessed: int | None = None) -> MemoryLineage:
    """Three runs; each makes examples (10, 20, 30) and from them a model (11, 21, 31)."""
    executions, artifacts = [], []
    for number in (1, 2, 3):
        examples, model = number * 10, number * 10 + 1
        for artifact, kind in ((examples, "Examples"), (model, "Model")):
            folder = root / "artifacts" / kind / str(artifact)
            folder.mkdir(parents=True)
            (folder / "data").write_bytes(b"x" * 100)
            artifacts.append(Artifact(artifact, kind, str(folder), "LIVE"))
        run = f"r{number}"
        executions += [
            Execution(examples, "MongoExampleGen", "COMPLETE", {}, run, 0, 1, {}, {"examples": (examples,)}),
            Execution(
                model, "Trainer", "COMPLETE", {}, run, 0, 1, {"examples": (examples,)}, {"model": (model,)}
            ),
        ]
    if blessed:
        artifacts.append(
            Artifact(99, "ModelBlessing", "b", "LIVE", {"blessed": 1, "current_model_id": blessed})
        )
    return MemoryLineage(executions, artifacts)


@pytest.mark.parametrize(
    ("keep", "blessed", "gone"),
    [
        pytest.param(1, None, {10, 11, 20, 21}, id="older runs go"),
        pytest.param(2, None, {10, 11}, id="the newest stay"),
        pytest.param(1, 11, {20, 21}, id="a blessed model stays with all it is made of"),
    ],
)
def test_candidates(tmp_path: Path, keep: int, blessed: int | None, gone: set[int]) -> None:
    found = candidates(lineage(tmp_path, blessed), tmp_path, keep)
    assert {c.artifact.id for c in found} == gone
    assert all(c.bytes == 100 for c in found)


def test_a_run_that_a_scheduler_has_not_ended_keeps_all_it_has_made(tmp_path: Path) -> None:
    book = RunBook(tmp_path)
    book.write(RunRecord(id="r1", pipeline="p", state="running", started=1.0, tasks=True))
    book.write(RunRecord(id="r2", pipeline="p", state="complete", started=2.0, tasks=True))

    assert {c.artifact.id for c in candidates(lineage(tmp_path), tmp_path, 1)} == {20, 21}


def test_the_newest_run_is_the_one_that_ran_last_whatever_it_is_called(tmp_path: Path) -> None:
    known = lineage(tmp_path)
    named = [
        replace(one, run={"r1": "z", "r2": "scheduled__2026", "r3": "a"}[one.run])
        for one in known.executions()
    ]

    found = candidates(MemoryLineage(named, list(known.artifacts().values())), tmp_path, 1)

    assert {c.artifact.id for c in found} == {10, 11, 20, 21}


def test_nothing_outside_the_root_is_a_candidate(tmp_path: Path) -> None:
    assert candidates(lineage(tmp_path / "elsewhere"), tmp_path / "root", 1) == []


def test_kept_spans_are_removed_when_no_artifact_shares_their_shards(tmp_path: Path) -> None:
    spans = tmp_path / "artifacts/MongoExampleGen/spans"
    shards = [spans / name / "Split-train/data_tfrecord-00000-of-00001.gz" for name in ("used", "unused")]
    for shard in shards:
        shard.parent.mkdir(parents=True)
        shard.write_bytes(b"x")
    os.link(shards[0], tmp_path / "linked.gz")
    assert kept_spans(tmp_path) == [spans / "unused"]
    remove_folders(kept_spans(tmp_path))
    assert [p.name for p in spans.iterdir()] == ["used"]


def test_searches_that_no_kept_result_came_from_are_removed(tmp_path: Path) -> None:
    """Three runs at 100, 200 and 300 s, each with a search; a fourth search was killed at 250 s, a fifth at 50 s."""
    executions, artifacts = [], []
    changed = {"search_1": 100, "search_2": 200, "search_3": 300, "search_killed": 250, "search_old": 50}
    for name, moment in changed.items():
        folder = tmp_path / "tuning" / name
        folder.mkdir(parents=True)
        Trials("val_loss", "min", search=name).write(folder)
        os.utime(folder / Trials.FILE, (moment, moment))
    for number in (1, 2, 3):
        folder = tmp_path / "artifacts" / "Tuner" / str(number)
        folder.mkdir(parents=True)
        Trials("val_loss", "min", search=f"search_{number}").write(folder)
        artifacts.append(Artifact(number, "TunerResults", str(folder), "LIVE"))
        times = (100.0 * number, 100.0 * number + 1)
        outputs = {"tuner_results": (number,)}
        executions.append(Execution(number, "Tuner", "COMPLETE", {}, f"r{number}", *times, {}, outputs))
    made = MemoryLineage(executions, artifacts)

    def gone(keep: int) -> list[str]:
        return [f.name for f in unused_searches(made, tmp_path, keep, candidates(made, tmp_path, keep))]

    assert gone(3) == ["search_old"]
    assert gone(2) == ["search_1", "search_old"]
    assert gone(1) == ["search_1", "search_2", "search_killed", "search_old"]
    assert unused_searches(MemoryLineage([], []), tmp_path, 1, []) == []
    remove_folders([tmp_path / "tuning" / name for name in gone(2)])
    assert gone(2) == []
