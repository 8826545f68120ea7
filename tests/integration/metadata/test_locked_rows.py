"""Somebody else holds a row for longer than the database lets us wait: the write is tried again until it is free."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2 as pb

from pipeline.lineage.store import open_store
from tests.integration.metadata.conftest import Place
from tests.serving.server_process import until

pytestmark = pytest.mark.integration

PAUSE = {"postgresql": "SELECT pg_sleep(3)", "mysql": "DO SLEEP(3)"}
PAUSES = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'",
    "mysql": "SELECT COUNT(*) FROM information_schema.processlist WHERE state = 'User sleep'",
}


@pytest.fixture
def impatient(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A database that ends whoever waits for a row for a second or less."""
    monkeypatch.setenv("PGOPTIONS", "-c lock_timeout=300ms")
    if place.kind == "mysql":
        place.sql("SET GLOBAL innodb_lock_wait_timeout = 1")
    yield place
    if place.kind == "mysql":
        place.sql("SET GLOBAL innodb_lock_wait_timeout = DEFAULT")


def test_a_write_waits_for_a_row_that_is_held(
    impatient: Place, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = open_store(impatient.config(), root)
    kind = store.put_execution_type(pb.ExecutionType(name="x.Trainer"))
    (made,) = store.put_executions([pb.Execution(type_id=kind)])
    (ours,) = store.get_executions_by_id([made])
    ours.last_known_state = pb.Execution.COMPLETE
    change = f"UPDATE Execution SET last_known_state = 2 WHERE id = {made}"
    held = f"BEGIN; {change}; {PAUSE[impatient.kind]}; COMMIT"
    other = threading.Thread(target=impatient.sql, args=(held,))
    other.start()
    until(lambda: int(impatient.sql(PAUSES[impatient.kind])))
    with caplog.at_level(logging.INFO, "pipeline.lineage.steady"):
        store.put_executions([ours])
    other.join()
    assert "another writer was in the way" in caplog.text
    assert store.get_executions_by_id([made])[0].last_known_state == pb.Execution.COMPLETE
