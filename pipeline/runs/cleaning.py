"""Which artifacts can be removed: superseded ones that no blessed or served model and no node's newest result needs."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from components.tuner.result import Trials
from foundation.publish import storage_error
from foundation.stores import transfer
from foundation.stores.brought import looked_at
from foundation.stores.mirror import in_store, mirror_of
from pipeline.document.models import MetadataConfig
from pipeline.lineage.changes import mark_deleted
from pipeline.lineage.records import Artifact, Execution
from pipeline.lineage.store import Lineage
from pipeline.lineage.trace import trace
from pipeline.runs.book import RunBook


@dataclass(frozen=True)
class Candidate:
    """An artifact that can be removed.

    Attributes:
        artifact: The artifact.
        node: The node that made it.
        bytes: Size of its files.
    """

    artifact: Artifact
    node: str
    bytes: int


def candidates(lineage: Lineage, root: Path, keep_runs: int) -> list[Candidate]:
    """Returns what can be removed.

    Args:
        lineage: The pipeline's lineage.
        root: Pipeline root; nothing outside it is ever a candidate.
        keep_runs: How many of the newest runs keep everything they made or reused.
    """
    executions = lineage.executions()
    runs = _kept_runs(executions, root, keep_runs)
    kept = {i for e in executions if e.run in runs for ids in e.outputs.values() for i in ids}
    kept |= _of_blessed_models(lineage)
    found = []
    for execution in executions:
        for artifact_id in (i for ids in execution.outputs.values() for i in ids):
            artifact = lineage.artifacts().get(artifact_id)
            made_here = execution.state == "COMPLETE" and artifact is not None and artifact.state == "LIVE"
            if (
                made_here
                and artifact_id not in kept
                and artifact
                and _inside(artifact.uri, root / "artifacts")
            ):
                found.append(Candidate(artifact, execution.node, _bytes_of(artifact.uri)))
                kept.add(artifact_id)
    return found


def _kept_runs(executions: Iterable[Execution], root: Path, count: int) -> set[str]:
    """Returns the newest runs, and those that a scheduler has not ended: their nodes may be between two processes.

    Args:
        executions: All, oldest first; a run is as new as its last one, for a scheduler's ids do not sort by time.
        root: Pipeline root.
        count: How many of the newest runs are kept.
    """
    last = {one.run: one.id for one in executions if one.run}
    newest = sorted(last, key=lambda run: last[run])[-count:]
    going_on = [one.id for one in RunBook(root).written() if one.tasks and one.state == "running"]
    return {*newest, *going_on}


def _of_blessed_models(lineage: Lineage) -> set[int]:
    """Returns what blessed models came from or led to; this covers pushed models, as only blessed ones are pushed."""
    artifacts = lineage.artifacts()
    blessed = {
        a.properties.get("current_model_id") for a in artifacts.values() if a.properties.get("blessed") == 1
    }
    kept: set[int] = set()
    for model in (a for a in artifacts.values() if a.type == "Model" and a.id in blessed):
        whole = trace(lineage, model)
        kept |= {a.id for step in (*whole.back, *whole.forth) for a in (*step.took, *step.gave)} | {model.id}
    return kept


def _inside(uri: str, folder: Path) -> bool:
    return mirror_of(uri).resolve().is_relative_to(folder.resolve())


def _bytes_of(uri: str) -> int:
    return transfer.size_of(uri) if in_store(uri) else size_of(Path(uri))


def size_of(path: Path) -> int:
    """Returns the total size of all files in a folder, in bytes."""
    return sum(f.stat().st_size for f in path.rglob("*") if f.is_file()) if path.is_dir() else 0


def kept_spans(root: Path) -> list[Path]:
    """Returns the folders of spans kept for windows whose shards no artifact shares any more."""
    from components.mongo_example_gen.spans import FOLDER, unused_entries

    return unused_entries(root / "artifacts" / "MongoExampleGen" / FOLDER)


def unused_searches(lineage: Lineage, root: Path, keep_runs: int, going: Iterable[Candidate]) -> list[Path]:
    """Returns the folders of searches that no kept result came from and no kept run could resume.

    Args:
        lineage: The pipeline's lineage.
        root: Pipeline root.
        keep_runs: How many of the newest runs count.
        going: The artifacts that are removed.
    """
    gone = {candidate.artifact.id for candidate in going}
    executions = lineage.executions()
    runs = _kept_runs(executions, root, keep_runs)
    oldest = min((e.started for e in executions if e.run in runs), default=0.0)
    used = {
        _search_of(lineage.artifacts().get(i)) for e in executions for i in _results_of(e) if i not in gone
    }
    found = sorted((root / "tuning").glob("search_*"))
    return [folder for folder in found if folder.name not in used and _last_change(folder) < oldest]


def _results_of(execution: Execution) -> tuple[int, ...]:
    return execution.outputs.get("tuner_results", ()) if execution.node == "Tuner" else ()


def _search_of(artifact: Artifact | None) -> str:
    found = (
        Trials.find(looked_at(artifact.uri)) if artifact is not None and artifact.state == "LIVE" else None
    )
    return found.search if found else ""


def _last_change(folder: Path) -> float:
    return max((file.stat().st_mtime for file in folder.rglob("*") if file.is_file()), default=0.0)


def remove_folders(folders: list[Path]) -> None:
    """Removes kept spans, which can be read again from their export, and searches.

    Raises:
        StorageError: A folder cannot be removed.
    """
    for folder in folders:
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise storage_error(folder, error) from error


def remove(found: list[Candidate], config: MetadataConfig, root: Path) -> None:
    """Marks artifacts as deleted in ML Metadata and removes their files.

    They are marked first: an interrupted removal leaves files without an artifact, never an artifact without files.
    """
    if not found:
        return
    mark_deleted(config, root, [c.artifact.id for c in found])
    for candidate in found:
        if in_store(candidate.artifact.uri):
            transfer.removed(candidate.artifact.uri)
        elif Path(candidate.artifact.uri).is_dir():
            shutil.rmtree(candidate.artifact.uri)
