"""What makes the state quick: no statement reads all of an experiment's units, however many there are."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from serving.experiments.state.postgresql import PostgresqlStore
from serving.experiments.state.sqlite import SqliteStore
from serving.experiments.state.store import Exposure, Rules
from tests import postgresql
from tests.serving.experiments.state.conftest import Clock, by_request, by_unit, exposure, new_state

_LARGE = re.compile(r"penstock_(units|requests|rewards)")
_WHOLE = re.compile(r"SCAN|\(experiment=\?\)")
"""A step that reads a whole table, or all of an experiment in it."""


def test_every_statement_finds_its_rows_by_an_index(tmp_path: Path) -> None:
    clock = Clock()
    store = SqliteStore(tmp_path / "e.db", clock)
    statements: list[str] = []
    for connection in (store._writer, store._reader):
        connection._connection.set_trace_callback(statements.append)
    store.declare("e", Rules("retained", 100.0, most_units=3))
    store.expose([exposure("u"), exposure("v"), exposure("a", request="a")])
    store.expose([exposure("u", "old"), exposure("w"), Exposure("e", "v", "x", "old", 0.5)])
    store.reward([by_unit("u"), by_request("r-v"), by_request("a"), by_unit("u", 0.0)])
    clock.at += 60
    store.pending("e")
    clock.at += 100
    store.pending("e")
    _, cursor = store.matured("e", 0)
    store.matured("e", 0)
    store.assigned("e", 0)
    clock.at += 1000
    assert store.prune("e", cursor, 10.0) == 4
    planner = sqlite3.connect(tmp_path / "e.db")
    seen = {statement for statement in statements if _LARGE.search(statement)}
    assert len(seen) > 12
    for statement in seen:
        plan = [row[3] for row in planner.execute(f"EXPLAIN QUERY PLAN {statement}")]
        steps = [step for step in plan if "penstock_" in step]
        assert not [step for step in steps if _WHOLE.search(step)], (statement, plan)
    planner.close()
    store.close()


@pytest.mark.integration
def test_postgresql_knows_how_large_the_tables_are_as_soon_as_there_are_many_units(
    database_server: postgresql.Server,
) -> None:
    store = PostgresqlStore(new_state(database_server), "STATE_URL")
    store.declare("e", Rules("retained", 100.0))
    analysed = (
        "SELECT COUNT(*) FROM pg_stats WHERE tablename = 'penstock_units' AND schemaname = current_schema()"
    )
    for exposures, known in ((500, False), (600, True)):
        store.expose([exposure(f"u{exposures}-{n}") for n in range(exposures)])
        with store._reading() as session:
            ((columns,),) = session.rows(analysed)
        assert (columns > 0) is known
    store.close()
