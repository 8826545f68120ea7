"""A database that is away, a full disk, a locked or broken file: nothing fails that need not, and nothing is shown."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from foundation.errors import SpecError, StorageError
from serving.experiments.contract import Choice, Outcome, Target
from serving.experiments.state.config import StateConfig
from serving.experiments.state.exposures import Exposures
from serving.experiments.state.open import open_store
from serving.experiments.state.postgresql import PostgresqlStore
from serving.experiments.state.sqlite import SqliteStore
from serving.experiments.state.store import Exposure, Store, StoreAwayError
from tests import postgresql
from tests.serving.experiments.state.conftest import RULES, by_unit, exposure, new_state
from tests.side_by_side import free_port


def answered(unit: str, request: str, arm: str = "new") -> tuple[Choice, Outcome]:
    choice = Choice("e", arm, Target("m"), 0.5, bytes.fromhex(unit), "d", 1)
    return choice, Outcome(request, "rest", "predict", 0.0, 0.001, 0, b"", b"")


def batch(first: int, count: int) -> list[tuple[Choice, Outcome]]:
    return [answered(f"{n:032x}", f"r{n}") for n in range(first, first + count)]


def test_answered_requests_become_exposures_in_the_background(store: Store) -> None:
    sink = Exposures(store)
    sink.take([*batch(0, 10), *batch(5, 10), answered("", "alone")])
    sink.close()
    assert store.pending("e")["new"].units == 16
    assert sink.lost == sink.waiting == 0
    assert [receipt.status.value for receipt in store.reward([by_unit(f"{3:032x}")])] == ["accepted"]


def test_ids_that_no_database_takes_are_counted_not_written(store: Store) -> None:
    sink = Exposures(store)
    sink.take(
        [
            answered("", "a\0b"),
            answered("", "\ud800"),
            answered("", "x" * 500),
            answered("", ""),
            *batch(0, 2),
        ]
    )
    sink.close()
    assert (sink.lost, store.pending("e")["new"].units) == (4, 2)


def test_an_exposure_that_the_store_refuses_takes_no_other_with_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = store.expose

    def refusing(exposures: Sequence[Exposure]) -> None:
        if any(one.request_id == "r7" for one in exposures):
            raise OverflowError("an odd one")
        real(exposures)

    monkeypatch.setattr(store, "expose", refusing)
    sink = Exposures(store)
    sink.take(batch(0, 20))
    assert sink.flush(30)
    sink.take(batch(20, 5))
    sink.close()
    assert (store.pending("e")["new"].units, sink.lost, sink.waiting) == (24, 1, 0)


@pytest.fixture
def full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[SqliteStore, list[bool]]:
    """A store, and a switch that makes its disk full: SQLite itself refuses to let the file grow."""
    store, switch = SqliteStore(tmp_path / "e.db"), [False]
    store.declare("e", RULES)
    connection: sqlite3.Connection = store._writer._connection
    real = store.expose

    def expose(exposures: object) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages if switch[0] else 1_000_000}")
        real(exposures)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "expose", expose)
    return store, switch


def test_while_the_disk_is_full_exposures_wait_and_are_written_later(
    full: tuple[SqliteStore, list[bool]],
) -> None:
    store, switch = full
    switch[0] = True
    sink = Exposures(store)
    sink.take(batch(0, 2000))
    assert not sink.flush(0.2)
    with pytest.raises(StoreAwayError, match=r"full.*free space"):
        store.expose([exposure(f"u{n}") for n in range(2000)])
    switch[0] = False
    assert sink.flush(30)
    sink.close()
    assert store.pending("e")["new"].units == 2000


def test_what_waits_is_bounded_and_what_is_dropped_is_counted(full: tuple[SqliteStore, list[bool]]) -> None:
    store, switch = full
    switch[0] = True
    sink = Exposures(store, most_waiting=1500)
    sink.take(batch(0, 1000))
    sink.take(batch(1000, 1000))
    assert (sink.waiting, sink.lost) == (1500, 500)
    switch[0] = False
    sink.close()
    assert store.pending("e")["new"].units == 1500


def test_a_file_that_another_process_locks_is_away_not_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.experiments.state.sqlite._PATIENCE", 0.05)
    store = SqliteStore(tmp_path / "e.db")
    other = sqlite3.connect(tmp_path / "e.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreAwayError, match="locked"):
        store.write("d", {}, 0)
    assert store.read("d") is None
    other.execute("ROLLBACK")
    assert store.write("d", {}, 0)
    other.close()


def test_a_file_that_is_no_state_is_refused_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("These are my notes, not a database. " * 200)
    with pytest.raises(StorageError, match=r"notes\.txt.*remedy") as caught:
        SqliteStore(file)
    assert not isinstance(caught.value, StoreAwayError)
    assert file.read_text().startswith("These are my notes")


def test_a_state_of_another_version_is_refused(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "e.db").close()
    connection = sqlite3.connect(tmp_path / "e.db")
    connection.execute("UPDATE penstock_clock SET version = 99")
    connection.commit()
    connection.close()
    with pytest.raises(StorageError, match=r"version 1.*version 99"):
        SqliteStore(tmp_path / "e.db")


def test_only_the_owner_can_read_the_file(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "e.db")
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_the_url_comes_from_the_environment_and_is_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = StateConfig.model_validate({"postgresql": "STATE_URL"})
    monkeypatch.delenv("STATE_URL", raising=False)
    with pytest.raises(SpecError, match=r"STATE_URL.*no such variable"):
        open_store(config, tmp_path)
    monkeypatch.setenv("STATE_URL", "hunter2 is the password")
    with pytest.raises(SpecError) as caught:
        open_store(config, tmp_path)
    assert "hunter2" not in f"{caught.value!r} {caught.value.__cause__} {vars(caught.value)}"
    monkeypatch.setenv("STATE_URL", f"postgresql://me:hunter2@127.0.0.1:{free_port()}/state")
    store = open_store(config, tmp_path)
    with pytest.raises(StoreAwayError, match=r"127\.0\.0\.1") as away:
        store.read("d")
    assert "hunter2" not in f"{away.value!r} {away.value.__cause__} {store!r}"


@pytest.mark.integration
def test_a_database_that_goes_and_comes_back_loses_no_exposure_and_answers_in_between(
    database_server: postgresql.Server,
) -> None:
    store = PostgresqlStore(new_state(database_server), "STATE_URL")
    store.declare("e", RULES)
    sink = Exposures(store)
    sink.take(batch(0, 100))
    assert sink.flush(30)
    database_server.stop()
    try:
        sink.take(batch(100, 100))
        with pytest.raises(StoreAwayError):
            store.reward([by_unit(f"{1:032x}")])
        assert sink.waiting == 100
    finally:
        database_server.start()
    assert sink.flush(60)
    assert store.pending("e")["new"].units == 200
    assert [receipt.status.value for receipt in store.reward([by_unit(f"{150:032x}")])] == ["accepted"]
    sink.close()
    store.close()


@pytest.mark.integration
def test_a_database_that_comes_after_the_start_is_found(database_server: postgresql.Server) -> None:
    store = PostgresqlStore(database_server.url("later"), "STATE_URL")
    with pytest.raises(StoreAwayError, match="later"):
        store.read("d")
    database_server.create("later")
    for _ in range(100):
        try:
            assert store.write("d", {"x": 1}, 0)
            break
        except StoreAwayError:
            import time

            time.sleep(0.1)
    assert store.read("d") == (1, {"x": 1})
    store.close()
