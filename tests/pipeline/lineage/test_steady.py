"""The store that waits, tells faults apart, and answers what TFX asks without reading every earlier execution."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import ml_metadata.errors as mlmd_errors
import pytest
from ml_metadata import ListOptions, OrderByField
from ml_metadata.metadata_store.metadata_store import MAX_NUM_RESULT
from ml_metadata.proto import metadata_store_pb2 as pb

from pipeline.document.models import MetadataConfig
from pipeline.lineage.faults import Fault, fault_of
from pipeline.lineage.steady import Waiting
from pipeline.lineage.store import associate, open_store

SAID = {
    "Concurrent writes aborted after max number of retries.": Fault.CONFLICT,
    "mysql_query failed: errno: Deadlock found when trying to get lock": Fault.CONFLICT,
    "mysql_query failed: errno: Table definition has changed, please retry transaction": Fault.CONFLICT,
    "PostgreSQL metadata source error: ERROR:  deadlock detected": Fault.CONFLICT,
    "PostgreSQL metadata source error: ERROR:  canceling statement due to lock timeout": Fault.CONFLICT,
    "PostgreSQL metadata source error: ERROR:  current transaction is aborted": Fault.CONFLICT,
    "Found already existing Context type with the same external_id": Fault.CONFLICT,
    'ERROR:  duplicate key value violates unique constraint "type_external_id_key"': Fault.CONFLICT,
    "mysql_query failed: errno: Lost connection to MySQL server during query": Fault.LOST,
    "PostgreSQL metadata source error: server closed the connection unexpectedly": Fault.LOST,
    "PostgreSQL metadata source error: ": Fault.LOST,
    "mysql_query failed: errno: Unknown column 'x'": Fault.OTHER,
    "PostgreSQL metadata source error: ERROR:  duplicate key value": Fault.OTHER,
}


@pytest.mark.parametrize(("said", "fault"), SAID.items(), ids=range(len(SAID)))
def test_the_text_of_an_error_tells_what_it_means(said: str, fault: Fault) -> None:
    assert fault_of(mlmd_errors.InternalError(said)) is fault


def test_a_half_made_database_is_waited_for_only_when_it_is_opened() -> None:
    error = RuntimeError("Table 'mlmd.Attribution' doesn't exist")
    assert fault_of(error, opening=True) is Fault.CONFLICT
    assert fault_of(error) is Fault.OTHER


def test_pauses_grow_to_a_bound_and_end_with_patience() -> None:
    now, pauses = [0.0], []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        now[0] += seconds

    waiting = Waiting(60.0, clock=lambda: now[0], sleep=sleep)
    while waiting.pause(Fault.LOST):
        pass
    assert 0.05 <= pauses[0] <= 0.1 and 2.5 <= pauses[-1] <= 5.0
    assert 60.0 <= now[0] < 66.0


@pytest.fixture
def store(tmp_path: Path) -> Any:
    return open_store(MetadataConfig(), tmp_path)


def put(store: Any, *contexts: str) -> int:
    kind = store.put_context_type(pb.ContextType(name="node"))
    made = [pb.Context(type_id=kind, name=name) for name in contexts]
    execution = pb.Execution(type_id=store.put_execution_type(pb.ExecutionType(name="x.Trainer")))
    return int(store.put_execution(execution, [], made, reuse_context_if_already_exist=True)[0])


def in_contexts(store: Any, *names: str) -> list[int]:
    """Asks as ``execution_lib.get_executions_associated_with_all_contexts`` does."""
    ids = [store.get_context_by_type_and_name("node", name).id for name in names]
    query = " AND ".join(f"(contexts_{i}.id = {id_})" for i, id_ in enumerate(ids))
    return sorted(one.id for one in store.get_executions(ListOptions(filter_query=query)))


def test_executions_in_all_of_some_contexts_are_found(store: Any) -> None:
    first, second, third = put(store, "a", "b"), put(store, "a", "b", "c"), put(store, "b", "c")
    assert in_contexts(store, "a", "b") == [first, second]
    assert in_contexts(store, "a", "b", "c") == [second]
    assert in_contexts(store, "b", "c") == [second, third]


def test_of_many_contexts_only_the_newest_is_read(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    put(store, "old", "own")
    read: list[int] = []
    asked = store.get_executions_by_context
    monkeypatch.setattr(store, "get_executions_by_context", lambda id_: read.append(id_) or asked(id_))
    in_contexts(store, "old", "own")
    assert read == [store.get_context_by_type_and_name("node", "own").id]


def test_another_query_is_still_refused(store: Any) -> None:
    with pytest.raises(mlmd_errors.StatusError):
        store.get_executions(ListOptions(filter_query="name = 'x'"))


def test_executions_whose_times_and_ids_cross_are_all_listed(store: Any, tmp_path: Path) -> None:
    number = len(put_many(store, 2 * MAX_NUM_RESULT + 1, "a"))
    cross(tmp_path / "metadata.db")
    context = store.get_context_by_type_and_name("node", "a").id
    newest = store.get_executions_by_context(context)
    assert len({one.id for one in newest}) == number
    times = [one.create_time_since_epoch for one in newest]
    assert times == sorted(times, reverse=True)
    by_time = ListOptions(order_by=OrderByField.CREATE_TIME, limit=MAX_NUM_RESULT + 50)
    assert [one.id for one in store.get_executions_by_context(context, by_time)] == [
        one.id for one in newest[::-1][: MAX_NUM_RESULT + 50]
    ]


def put_many(store: Any, number: int, context: str) -> list[int]:
    first = put(store, context)
    (kind,) = store.get_executions_by_id([first])
    more = store.put_executions([pb.Execution(type_id=kind.type_id)] * (number - 1))
    put_into = (store.get_context_by_type_and_name("node", context).id,)
    associate(store, dict.fromkeys(more, put_into))
    return [first, *more]


def cross(file: Path) -> None:
    """Turns the times of executions round, in a process of its own: two copies of SQLite in one undo each other's locks."""
    change = "UPDATE Execution SET create_time_since_epoch = 1000000 - id"
    code = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit()"
    subprocess.run([sys.executable, "-c", code, str(file), change], check=True)


def test_a_type_is_known_with_the_properties_it_got_later(store: Any) -> None:
    store.put_artifact_type(pb.ArtifactType(name="Model"))
    assert not store.get_artifact_type("Model").properties
    more = pb.ArtifactType(name="Model", properties={"version": pb.INT})
    store.put_artifact_type(more, can_add_fields=True)
    assert store.get_artifact_type("Model").properties == {"version": pb.INT}


def test_what_is_new_has_a_name_that_tells_it_from_all_others(store: Any) -> None:
    names = {store.get_executions_by_id([put(store, "a")])[0].name for _ in range(3)}
    assert len(names) == 3 and "" not in names
