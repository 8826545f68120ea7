"""What becomes of a write when the connection to the database breaks, the server restarts, or writers cross."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ml_metadata.proto import metadata_store_pb2 as pb

from foundation.errors import MetadataError
from pipeline.lineage.store import open_store
from tests.integration.metadata.conftest import PASSWORD, Place
from tests.tcp_proxy import Proxy

pytestmark = pytest.mark.integration


class Writer:
    """Writes to a store as TFX's launcher does, with contexts and types in place.

    Args:
        store: The store.
    """

    def __init__(self, store: Any) -> None:
        self.store = store
        self._execution = store.put_execution_type(pb.ExecutionType(name="x.Trainer"))
        self._artifact = store.put_artifact_type(pb.ArtifactType(name="Model"))
        kind = store.put_context_type(pb.ContextType(name="pipeline_run"))
        self._contexts = store.get_contexts_by_id(store.put_contexts([pb.Context(type_id=kind, name="r1")]))

    def register(self) -> Any:
        """Writes an execution that begins."""
        return self._put(pb.Execution(type_id=self._execution, last_known_state=pb.Execution.RUNNING), [])

    def publish(self, execution: int) -> Any:
        """Writes that an execution has ended with one artifact."""
        (found,) = self.store.get_executions_by_id([execution])
        found.last_known_state = pb.Execution.COMPLETE
        event = pb.Event(type=pb.Event.OUTPUT)
        event.path.steps.add(key="model")
        return self._put(found, [(pb.Artifact(type_id=self._artifact, uri="/m"), event)])

    def reuse(self) -> Any:
        """Writes an execution whose result is that of an earlier one."""
        made = pb.Execution(type_id=self._execution, last_known_state=pb.Execution.CACHED)
        return self.store.put_lineage_subgraph(
            [made], [], self._contexts, [], reuse_context_if_already_exist=True
        )

    def _put(self, execution: Any, pairs: list[Any]) -> Any:
        options = {"reuse_context_if_already_exist": True, "force_reuse_context": True}
        return self.store.put_execution(execution, pairs, self._contexts, **options)


STEPS: dict[str, Callable[[Writer], Any]] = {
    "register": lambda writer: writer.register()[0],
    "publish": lambda writer: writer.publish(writer.register()[0])[1][0],
    "reuse": lambda writer: writer.reuse()[0][0],
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("lost", ["request", "answer"])
def test_a_write_whose_connection_breaks_happens_once(place: Place, root: Path, step: str, lost: str) -> None:
    with Proxy(place.server.port) as proxy:
        writer = Writer(open_store(place.config(proxy.port), root, patience=30))
        if step == "publish":
            execution = writer.register()[0]
            proxy.cut_at("COMMIT", lost)
            (number,) = writer.publish(execution)[1]
        else:
            proxy.cut_at("COMMIT", lost)
            number = STEPS[step](writer)
        found = writer.store.get_artifacts() if step == "publish" else writer.store.get_executions()
        assert [one.id for one in found] == [number]
        events = writer.store.get_events_by_execution_ids([one.id for one in writer.store.get_executions()])
        assert len(events) == (1 if step == "publish" else 0)


def test_a_read_whose_connection_breaks_is_asked_again(place: Place, root: Path) -> None:
    with Proxy(place.server.port) as proxy:
        writer = Writer(open_store(place.config(proxy.port), root, patience=30))
        number = writer.register()[0]
        proxy.cut_at("SELECT", "answer")
        assert [one.id for one in writer.store.get_executions()] == [number]


def test_a_node_outlives_a_restart_of_the_server(place: Place, root: Path) -> None:
    writer = Writer(open_store(place.config(), root, patience=60))
    execution = writer.register()[0]
    place.server.stop()
    restarting = threading.Timer(1.0, place.server.start)
    restarting.start()
    try:
        # ML Metadata keeps Python's lock while it waits, so the server needs the pauses between tries.
        writer.publish(execution)
    finally:
        restarting.join()
    assert [one.last_known_state for one in writer.store.get_executions()] == [pb.Execution.COMPLETE]
    assert len(writer.store.get_artifacts()) == 1


def test_a_server_that_stays_away_is_an_error_that_says_so(place: Place, root: Path) -> None:
    with Proxy(place.server.port) as proxy:
        writer = Writer(open_store(place.config(proxy.port), root, patience=0.5))
    with pytest.raises(MetadataError, match=r"at 127\.0\.0\.1; expected a database that answers") as caught:
        writer.register()
    assert caught.value.may_pass
    assert PASSWORD not in str(caught.value)


def test_an_idle_connection_is_opened_anew(place: Place, root: Path) -> None:
    with Proxy(place.server.port) as proxy:
        writer = Writer(open_store(place.config(proxy.port), root, patience=30))
        before = writer.store._metadata_store
        writer.store._used = time.monotonic() - 3600
        writer.register()
        assert writer.store._metadata_store is not before
