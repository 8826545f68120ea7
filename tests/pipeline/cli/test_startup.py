"""What commands load before they answer: a person who asks a finished project waits for imports and little else."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ml_metadata.proto import metadata_store_pb2 as pb

from pipeline.cli.options import open_session
from pipeline.graph import Node
from pipeline.lineage.store import open_store
from pipeline.runs.session import Session
from tests.pipeline.conftest import DOCUMENT

NEVER = {
    "tensorflow", "tfx", "apache_beam", "numpy", "pyarrow", "pandas", "bson",  # a node's work
    "ml_metadata", "grpc", "google.protobuf", "asyncio", "ssl",  # a store that is only read
    "rich", "jinja2", "http.client", "concurrent.futures",  # tables, pages, stores of objects
    "pipeline.preflight.review", "foundation.personal.looks", "pipeline.report",  # what only a change needs
    "components.tuner.result", "components.bulk_inferrer.result",  # nodes that the document has not
}  # fmt: skip
MOST_MODULES = 535
"""A few more than there are; each costs about half a millisecond."""
LOADED = """
import json, sys
from pipeline.cli.main import main
code = main(sys.argv[2:])
with open(sys.argv[1], "w") as file:
    json.dump([code, sorted(sys.modules)], file)
"""


@pytest.fixture
def finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of which every node has run: what its store would say, without what the nodes wrote."""
    documents = [{"_id": i, "retained": i % 2, "lessons": i, "country": "de"} for i in range(200)]
    (tmp_path / "export.jsonl").write_text("".join(json.dumps(d) + "\n" for d in documents))
    (tmp_path / "pipeline.yaml").write_text(yaml.safe_dump(DOCUMENT))
    monkeypatch.chdir(tmp_path)
    reviewed = open_session(None).schema_file
    reviewed.parent.mkdir(parents=True, exist_ok=True)
    reviewed.write_text('feature { name: "lessons" type: INT }')
    _record(open_session(None))
    return tmp_path


def _record(session: Session) -> None:
    store: Any = open_store(session.loaded.spec.metadata, session.root)
    kinds = {name: store.put_context_type(pb.ContextType(name=name)) for name in ("pipeline", "pipeline_run")}
    names = (("pipeline", "learners"), ("pipeline_run", "r1"))
    ids = store.put_contexts([pb.Context(type_id=kinds[kind], name=name) for kind, name in names])
    contexts, graph, made = store.get_contexts_by_id(ids), session.graph(), {}
    for node in (node for node in graph if not node.resolver):
        kind = store.put_execution_type(pb.ExecutionType(name=f"components.{node.id}"))
        execution = pb.Execution(type_id=kind, last_known_state=pb.Execution.COMPLETE)
        said = {"node": node.id, "fingerprint": graph.fingerprints[node.id]}
        for key, value in {**said, "parts": json.dumps(graph.parts[node.id])}.items():
            execution.custom_properties[f"penstock_{key}"].string_value = value
        taken = [(a, _event(pb.Event.INPUT, keys)) for a, keys in _read_by(node, made)]
        folder = session.root / "artifacts" / node.id
        folder.mkdir(parents=True)
        thing = store.put_artifact_type(pb.ArtifactType(name="Thing"))
        given = pb.Artifact(type_id=thing, uri=str(folder), state=pb.Artifact.LIVE)
        keys = [s.key for other in graph for s in other.sources.values() if s.node == node.id] or ["out"]
        pairs = [*taken, (given, _event(pb.Event.OUTPUT, keys))]
        _, artifacts, _ = store.put_execution(execution, pairs, contexts)
        (made[node.id],) = store.get_artifacts_by_id(artifacts[-1:])


def _read_by(node: Node, made: dict[str, Any]) -> list[tuple[Any, list[str]]]:
    """The artifacts that a node reads, each with its keys."""
    keys: dict[str, list[str]] = {}
    for key, source in node.sources.items():
        keys.setdefault(source.node, []).append(key)
    return [(made[other], some) for other, some in keys.items() if other in made]


def _event(kind: int, keys: Iterable[str]) -> Any:
    event = pb.Event(type=kind)
    for key in dict.fromkeys(keys):  # as TFX writes them
        event.path.steps.add(key=key)
        event.path.steps.add(index=0)
    return event


def loaded(folder: Path, *command: str, terminal: bool = False) -> tuple[str, set[str]]:
    """What a command prints, if not on a terminal, and the modules that its process has loaded in the end."""
    argv = [sys.executable, "-c", LOADED, str(folder / "loaded.json"), *command]
    ours, theirs = pty.openpty()
    output = theirs if terminal else subprocess.PIPE
    done = subprocess.run(argv, stdout=output, stderr=subprocess.PIPE, text=True, check=False)
    os.close(theirs)
    os.close(ours)
    code, modules = json.loads((folder / "loaded.json").read_text())
    assert code == 0, done.stderr
    return done.stdout or "", set(modules)


@pytest.mark.parametrize("command", ["run", "plan", "status", "runs", "versions"])
def test_a_finished_project_answers_without_what_only_a_change_needs(finished: Path, command: str) -> None:
    said, modules = loaded(finished, command)
    assert "othing to do" in said or command not in ("run", "plan")
    assert modules & NEVER == set()
    assert len(modules) <= MOST_MODULES


def test_an_unchanged_run_on_a_terminal_loads_no_table(finished: Path) -> None:
    _, modules = loaded(finished, "run", terminal=True)
    assert modules & NEVER == set()


def test_only_the_command_that_is_asked_for_is_built(finished: Path) -> None:
    _, modules = loaded(finished, "runs")
    assert "pipeline.runners.local" not in modules
