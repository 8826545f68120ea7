"""Every node's artifact of the newest run exists and can be read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from components.node import load
from foundation.errors import PenstockError
from foundation.saved_model import is_saved_model
from foundation.tfrecord import read_gz
from pipeline.nodes import NODES
from pipeline.proving.base import Finding, Project
from pipeline.runs.results import RunResults


def prove(project: Project) -> Iterator[Finding]:
    """Yields a finding for each output of each node of the newest run."""
    session = project.session()
    record, results = project.newest(session)
    nodes = [node.node for node in record.nodes if node.state in ("done", "cached")]
    for node in nodes:
        made = sorted(key for name, key in results.artifacts if name == node)
        for key in made:
            if not _left_empty(results, node, key):
                yield _of(results, node, key)


def _left_empty(results: RunResults, node: str, key: str) -> bool:
    """Returns whether it is the blessing that TFX's Evaluator leaves to the gate."""
    artifact = results.artifacts[node, key]
    return artifact.type == "ModelBlessing" and "blessed" not in artifact.properties


def _of(results: RunResults, node: str, key: str) -> Finding:
    what = f"{node}.{key}"
    artifact = results.artifacts[node, key]
    try:
        folder = results.folder(node, key)
        seen = _read(folder, node, key, artifact.type) if folder else "no folder"
    except (PenstockError, OSError) as error:
        return Finding(what, str(error), "files that can be read", False)
    bad = artifact.state != "LIVE" or not seen
    return Finding(
        what,
        f"state {artifact.state}; {seen or 'nothing there'}",
        "LIVE, and files that can be read",
        not bad,
    )


def _read(folder: Path, node: str, key: str, kind: str) -> str:
    """Reads an artifact in the way of its type and returns what it holds; empty if nothing.

    Raises:
        PenstockError: A file is damaged.
        OSError: It cannot be read.
    """
    if folder.is_file():
        return f"{folder.stat().st_size:,} bytes"
    files = [one for one in folder.rglob("*") if one.is_file()]
    said = [f"{len(files)} files"] if files else []
    if kind == "Examples":
        rows = sum(1 for file in files if file.suffix == ".gz" for _ in read_gz(file))
        said = [f"{rows:,} examples"] if rows else []
    if kind == "Model":
        models = [one for one in (folder, *folder.rglob("*")) if one.is_dir() and is_saved_model(one)]
        said = [f"{len(models)} SavedModels, {len(files)} files"] if models else []
    declared = next((n.result for n in NODES if n.id == node and n.result and n.result[0] == key), None)
    if declared:
        load(declared[1]).read(folder)
        said.append("its result file")
    return ", ".join(said)
