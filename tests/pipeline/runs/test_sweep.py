"""What an interrupted run left open is closed and reported."""

from __future__ import annotations

from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2 as pb

from pipeline.document.models import MetadataConfig, PipelineSpec
from pipeline.lineage.store import MlmdLineage, open_store
from pipeline.runs.book import NodeRecord, RunBook, RunRecord
from pipeline.runs.sweep import sweep
from tests.pipeline.conftest import DOCUMENT

SPEC = PipelineSpec.model_validate(DOCUMENT)


def leave_running(root: Path, node: str, run: str = "r1") -> Path:
    """An execution that never ended, and the folder of its partial output."""
    store = open_store(MetadataConfig(), root)
    kind = store.put_context_type(pb.ContextType(name="pipeline"))
    of_runs = store.put_context_type(pb.ContextType(name="pipeline_run"))
    both = store.put_contexts(
        [pb.Context(type_id=kind, name=SPEC.name), pb.Context(type_id=of_runs, name=run)]
    )
    execution = pb.Execution(
        type_id=store.put_execution_type(pb.ExecutionType(name=f"components.{node}")),
        last_known_state=pb.Execution.RUNNING,
    )
    execution.custom_properties["penstock_node"].string_value = node
    number, _, _ = store.put_execution(execution, [], store.get_contexts_by_id(both))
    half = root / "artifacts" / node / "examples" / str(number)
    half.mkdir(parents=True)
    return half


@pytest.fixture
def interrupted(tmp_path: Path) -> RunBook:
    book = RunBook(tmp_path)
    nodes = [NodeRecord("MongoExampleGen", "run", "", "done"), NodeRecord("Transform", "run", "", "running")]
    book.write(RunRecord("r1", SPEC.name, "running", 1.0, nodes=nodes))
    return book


def test_partial_results_are_removed_and_their_nodes_reported_once(
    interrupted: RunBook, tmp_path: Path
) -> None:
    half = leave_running(tmp_path, "Transform")
    assert sweep(SPEC, tmp_path) == ["Transform"]
    assert not half.exists()
    states = [e.state for e in MlmdLineage(MetadataConfig(), tmp_path, SPEC.name).executions()]
    assert states == ["CANCELED"]


def test_a_node_not_yet_in_the_store_is_reported_too(interrupted: RunBook, tmp_path: Path) -> None:
    assert sweep(SPEC, tmp_path) == ["Transform"]
    assert interrupted.find("r1").state == "interrupted"
    assert [n.state for n in interrupted.find("r1").nodes] == ["done", "interrupted"]


def test_nothing_is_reported_if_nothing_was_left(tmp_path: Path) -> None:
    assert sweep(SPEC, tmp_path) == []


def test_what_a_schedulers_node_has_open_is_at_work_and_left_alone(tmp_path: Path) -> None:
    RunBook(tmp_path).write(RunRecord("daily", SPEC.name, "running", 1.0, tasks=True))
    half = leave_running(tmp_path, "Transform", "daily")

    assert sweep(SPEC, tmp_path) == []

    assert half.exists()
    assert RunBook(tmp_path).find("daily").state == "running"
    assert [e.state for e in MlmdLineage(MetadataConfig(), tmp_path, SPEC.name).executions()] == ["RUNNING"]
