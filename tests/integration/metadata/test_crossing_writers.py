"""Writers that cross: nothing that was answered is gone, nothing exists twice, and lists leave nothing out."""

from __future__ import annotations

import multiprocessing
import threading
from pathlib import Path
from typing import Any

import pytest
from ml_metadata.metadata_store.metadata_store import MAX_NUM_RESULT
from ml_metadata.proto import metadata_store_pb2 as pb

from pipeline.document.models import MetadataConfig
from pipeline.lineage.store import MlmdLineage, associate, open_store
from tests.integration.metadata.conftest import Place
from tests.integration.metadata.test_locked_rows import PAUSE, PAUSES
from tests.serving.server_process import until

pytestmark = pytest.mark.integration

WRITERS, TYPES = 4, 10


def contexts(store: Any, *names: str) -> list[Any]:
    kind = store.put_context_type(pb.ContextType(name="pipeline"))
    return list(
        store.get_contexts_by_id(store.put_contexts([pb.Context(type_id=kind, name=n) for n in names]))
    )


def test_executions_whose_times_and_ids_cross_are_all_read(place: Place, root: Path) -> None:
    store = open_store(place.config(), root)
    (learners,) = contexts(store, "learners")
    kind = store.put_execution_type(pb.ExecutionType(name="x.Trainer"))
    made = store.put_executions([pb.Execution(type_id=kind)] * (MAX_NUM_RESULT + 20))
    associate(store, dict.fromkeys(made, (learners.id,)))
    # As if the machine of the later ones had a clock that is behind.
    place.sql("UPDATE Execution SET create_time_since_epoch = 1000000 - id")
    found = MlmdLineage(place.config(), root, "learners").executions()
    assert [one.id for one in found] == sorted(made)


def put_reading(store: Any, artifact: int, put_into: list[Any], step: str) -> int:
    """Writes an execution that reads an artifact, as a node that begins or one whose result is reused."""
    (given,) = store.get_artifacts_by_id([artifact])
    event = pb.Event(type=pb.Event.INPUT)
    event.path.steps.add(key="model")
    execution = pb.Execution(type_id=store.get_execution_type("x.Trainer").id)
    if step == "reuse":
        edges = [(0, 0, event)]
        ids, _, _ = store.put_lineage_subgraph([execution], [given], put_into, edges)
        return int(ids[0])
    options = {"reuse_context_if_already_exist": True, "force_reuse_context": True}
    return int(store.put_execution(execution, [(given, event)], put_into, **options)[0])


@pytest.mark.parametrize("step", ["register", "reuse"])
@pytest.mark.parametrize("context", [0, 1], ids=["first", "last"])
def test_an_artifact_that_another_writer_puts_into_the_same_context(
    place: Place, root: Path, context: int, step: str
) -> None:
    store = open_store(place.config(), root)
    put_into = contexts(store, "learners", "r1")
    store.put_execution_type(pb.ExecutionType(name="x.Trainer"))
    kind = store.put_artifact_type(pb.ArtifactType(name="Model"))
    (artifact,) = store.put_artifacts([pb.Artifact(type_id=kind, uri="/m")])
    insert = f"INSERT INTO Attribution (context_id, artifact_id) VALUES ({put_into[context].id}, {artifact})"
    held = f"BEGIN; {insert}; {PAUSE[place.kind]}; COMMIT"
    other = threading.Thread(target=place.sql, args=(held,))
    other.start()
    until(lambda: int(place.sql(PAUSES[place.kind])))
    execution = put_reading(store, artifact, put_into, step)
    other.join()
    assert [one.id for one in store.get_executions()] == [execution]
    assert [e.artifact_id for e in store.get_events_by_execution_ids([execution])] == [artifact]
    assert {c.id for c in store.get_contexts_by_execution(execution)} == {c.id for c in put_into}
    assert {c.id for c in store.get_contexts_by_artifact(artifact)} == {c.id for c in put_into}


def create_types(config: MetadataConfig, root: Path, start: Any, said: Any) -> None:
    """Creates types, each at the same moment as all other processes."""
    store = open_store(config, root)
    for number in range(TYPES):
        start.wait(60)
        store.put_context_type(pb.ContextType(name=f"context{number}"))
        store.put_artifact_type(pb.ArtifactType(name=f"artifact{number}"))
        store.put_execution_type(pb.ExecutionType(name=f"execution{number}"))
    said.put([store.get_context_type(f"context{number}") for number in range(TYPES)])


def test_types_that_many_processes_create_at_once_exist_once(place: Place, root: Path) -> None:
    open_store(place.config(), root)
    forking = multiprocessing.get_context("fork")
    start, said = forking.Barrier(WRITERS), forking.Queue()
    writers = [
        forking.Process(target=create_types, args=(place.config(), root, start, said)) for _ in range(WRITERS)
    ]
    for writer in writers:
        writer.start()
    found = [said.get(timeout=120) for _ in writers]
    for writer in writers:
        writer.join()
    assert all(one == found[0] for one in found)
    assert not any(one.external_id for one in found[0])  # TFX compares a type with its own
    assert place.sql("SELECT name FROM Type GROUP BY name, type_kind HAVING COUNT(*) > 1") == ""


def test_a_type_that_exists_twice_since_an_earlier_version_is_no_obstacle(place: Place, root: Path) -> None:
    store = open_store(place.config(), root)
    for _ in range(2):
        place.sql("INSERT INTO Type (name, type_kind) VALUES ('Model', 1)")
    more = pb.ArtifactType(name="Model", properties={"version": pb.INT})
    for _ in range(3):
        store.put_artifact_type(more, can_add_fields=True)
        store.put_artifact_type(pb.ArtifactType(name="Model"), can_omit_fields=True)
    assert store.get_artifact_type("Model").properties == {"version": pb.INT}
