"""ML Metadata's file read directly: the same as its own library says, of a store that its library wrote."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from ml_metadata.proto import metadata_store_pb2 as pb

from pipeline.document.models import MetadataConfig
from pipeline.lineage import sqlite
from pipeline.lineage.changes import close_executions
from pipeline.lineage.store import MlmdLineage, open_store

CONFIG = MetadataConfig()
READ = """
import json, sys
from dataclasses import asdict
from pathlib import Path
from pipeline.document.models import MetadataConfig
from pipeline.lineage.store import MlmdLineage
read = MlmdLineage(MetadataConfig(), Path(sys.argv[1]), sys.argv[2])
found = [asdict(e) for e in read.executions()], [asdict(a) for a in read.artifacts().values()]
print(json.dumps([*found, "ml_metadata" in sys.modules]))
"""


def told(root: Path, pipeline: str = "learners") -> Any:
    """What a process of its own is told: executions, artifacts, whether it loaded ML Metadata."""
    done = subprocess.run(
        [sys.executable, "-c", READ, str(root), pipeline], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def said(root: Path, pipeline: str = "learners") -> Any:
    """What ML Metadata's library, which this process has loaded, says."""
    lineage = MlmdLineage(CONFIG, root, pipeline)
    found = [asdict(e) for e in lineage.executions()], [asdict(a) for a in lineage.artifacts().values()]
    return json.loads(json.dumps(found))


@pytest.fixture
def store(tmp_path: Path) -> Any:
    """A store with every kind of property, state, event and path, and a second pipeline."""
    store = open_store(CONFIG, tmp_path)
    kinds = {n: store.put_context_type(pb.ContextType(name=n)) for n in ("pipeline", "pipeline_run", "node")}
    model = store.put_artifact_type(pb.ArtifactType(name="Model", properties={"span": pb.INT}))
    trainer = store.put_execution_type(pb.ExecutionType(name="components.trainer.Trainer"))
    for pipeline in ("learners", "others"):
        names = (("pipeline", pipeline), ("pipeline_run", f"run-{pipeline}"), ("node", f"{pipeline}.Trainer"))
        ids = store.put_contexts([pb.Context(type_id=kinds[kind], name=name) for kind, name in names])
        contexts = store.get_contexts_by_id(ids)
        for state in pb.Execution.State.values():
            execution = pb.Execution(type_id=trainer, last_known_state=state)
            fill(execution.custom_properties)
            if state == pb.Execution.COMPLETE:
                execution.custom_properties["penstock_node"].string_value = "Own"
            pairs = [
                (artifact(model, at), event(kind, at))
                for at, kind in enumerate(pb.Event.Type.values())
                if kind
            ]
            store.put_execution(execution, pairs, contexts)
    return store


def artifact(kind: int, number: int) -> pb.Artifact:
    made = pb.Artifact(type_id=kind, uri=f"/é/{number}", state=pb.Artifact.State.values()[number % 6])
    made.properties["span"].int_value = number
    fill(made.custom_properties)
    return made


def fill(properties: Any) -> None:
    """Sets a property of each type, and one that hides a property of the same name."""
    properties["whole"].int_value = 0
    properties["real"].double_value = 2.0
    properties["text"].string_value = ""
    properties["truth"].bool_value = False
    properties["structure"].struct_value.update({"a": 1})
    properties["span"].int_value = 99


def event(kind: int, number: int) -> pb.Event:
    made = pb.Event(type=kind)
    for key in ("candidate", "model")[: number % 3]:  # none, one, two keys, as TFX writes them
        made.path.steps.add().key = key
        made.path.steps.add().index = 0
    return made


@pytest.mark.parametrize("pipeline", ["learners", "others", "unknown"])
def test_both_ways_read_the_same(store: Any, tmp_path: Path, pipeline: str) -> None:
    executions, artifacts, loaded = told(tmp_path, pipeline)
    assert [executions, artifacts] == said(tmp_path, pipeline)
    assert len(executions) == (0 if pipeline == "unknown" else len(pb.Execution.State.values()))
    assert not loaded


def test_the_names_are_those_of_ml_metadata() -> None:
    assert {n: i for i, n in enumerate(sqlite.EXECUTION_STATES)} == dict(pb.Execution.State.items())
    assert {n: i for i, n in enumerate(sqlite.ARTIFACT_STATES)} == dict(pb.Artifact.State.items())
    assert {n: i for i, n in enumerate(sqlite.EVENTS)} == dict(pb.Event.Type.items())


def test_a_process_that_has_loaded_ml_metadata_asks_it(store: Any, tmp_path: Path) -> None:
    assert sqlite.snapshot(tmp_path / "metadata.db", "learners") is None


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param("UPDATE MLMDEnv SET schema_version = 9", id="another version"),
        pytest.param("DROP TABLE MLMDEnv", id="no version"),
        pytest.param("UPDATE Event SET type = 42", id="an event of a later version"),
    ],
)
def test_a_file_of_which_it_does_not_know_all_is_left_to_ml_metadata(
    store: Any, tmp_path: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sqlite3.connect(tmp_path / "metadata.db") as database:
        database.execute(damage)
    monkeypatch.delitem(sys.modules, "ml_metadata")
    assert sqlite.snapshot(tmp_path / "metadata.db", "learners") is None


def test_a_file_that_only_its_owner_may_write_is_read(store: Any, tmp_path: Path) -> None:
    os.chmod(tmp_path / "metadata.db", 0o400)
    assert told(tmp_path)[0] == said(tmp_path)[0]


def test_what_an_interrupted_run_left_open_is_closed(store: Any, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from pipeline.document.models import MetadataConfig\n"
        "from pipeline.lineage.changes import close_executions\n"
        "print([len(close_executions(MetadataConfig(), Path(sys.argv[1]), 'learners')), 'ml_metadata' in sys.modules])"
    )
    shown = [
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]
    assert shown == [
        "[3, True]\n",
        "[0, False]\n",
    ]  # NEW, RUNNING, UNKNOWN; then nothing is open, and nothing loaded
    assert close_executions(CONFIG, tmp_path, "others") != []
