"""What ``penstock clean`` removes, and what it never removes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.lineage.records import Artifact, Execution
from pipeline.lineage.store import MemoryLineage
from pipeline.runs.cleaning import candidates, kept_spans, remove_spans


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
    remove_spans(kept_spans(tmp_path))
    assert [p.name for p in spans.iterdir()] == ["used"]
