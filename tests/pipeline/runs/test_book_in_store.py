"""Records of runs whose root is in a store: every machine sees those of all, but takes nobody's live run for its own."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("moto.server", reason="the development extra brings moto")

from foundation.publish import write_text
from foundation.stores.mirror import mirror_of
from pipeline.document.models import MetadataConfig, SqliteConfig
from pipeline.runs.book import NodeRecord, RunBook, RunRecord
from pipeline.runs.sweep import sweep
from tests import object_stores
from tests.object_stores import BUCKET


@pytest.fixture(scope="module")
def store() -> Iterator[dict[str, str]]:
    with object_stores.s3() as variables:
        yield variables


@pytest.fixture
def book(store: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], RunBook]:
    """Opens the records on a machine."""
    for name, value in store.items():
        monkeypatch.setenv(name, value)
    root = f"s3://{BUCKET}/{uuid.uuid4().hex}"

    def on(machine: str) -> RunBook:
        monkeypatch.setenv("PENSTOCK_CACHE", str(tmp_path / machine))
        return RunBook(mirror_of(root))

    return on


def test_what_ran_on_one_machine_is_known_on_another(book: Callable[[str], RunBook]) -> None:
    for number, state in enumerate(["complete", "failed"]):
        book("one").write(RunRecord(f"r{number}", "learners", state, started=number + 1))
    assert [(run.id, run.state) for run in book("two").all()] == [("r0", "complete"), ("r1", "failed")]


def test_a_run_that_is_alive_elsewhere_is_left_alone(book: Callable[[str], RunBook]) -> None:
    record = RunRecord("r1", "learners", "running", started=1)
    book("one").write(record)
    assert book("two").all() == []
    record.state = "complete"
    book("one").write(record)
    assert [run.state for run in book("two").all()] == ["complete"]


def test_a_run_of_tasks_is_followed_while_it_goes_on(book: Callable[[str], RunBook]) -> None:
    record = RunRecord("scheduled", "learners", "running", started=1, tasks=True)
    book("one").write(record)
    assert [run.state for run in book("two").all()] == ["running"]
    record.state = "complete"
    book("one").write(record)
    assert [run.state for run in book("two").all()] == ["complete"]


def test_the_report_of_a_run_is_found_on_every_machine(
    book: Callable[[str], RunBook], tmp_path: Path
) -> None:
    record, there = RunRecord("r1", "learners", "complete", started=1), book("one")
    page = there.path("r1") / "report.html"
    write_text(page, "how it went")
    there.publish(record, page)
    assert there.report(there.find("r1")) == str(page)
    shutil.rmtree(tmp_path / "one")
    here = book("two")
    found = here.find("r1")
    assert found.report.startswith("s3://") and found.report.endswith("/runs/r1/report.html")
    assert Path(here.report(found)).read_text() == "how it went"
    assert str(tmp_path / "two") in here.report(found)


def test_a_run_of_a_lost_machine_is_interrupted_by_the_next_one_that_has_the_lock(
    book: Callable[[str], RunBook], tmp_path: Path
) -> None:
    nodes = [NodeRecord("Trainer", "run", "never ran", state="running")]
    book("lost").write(RunRecord("r1", "learners", "running", started=1, nodes=nodes))
    book("lost").write(RunRecord("scheduled", "learners", "running", started=2, tasks=True))
    here = book("here")
    metadata = MetadataConfig(sqlite=SqliteConfig(path=str(tmp_path / "metadata.db")))
    assert sweep(SimpleNamespace(metadata=metadata, name="learners"), here.folder.parent) == ["Trainer"]  # type: ignore[arg-type]
    for machine in ("here", "third"):
        assert [(run.id, run.state) for run in book(machine).all()] == [
            ("r1", "interrupted"),
            ("scheduled", "running"),
        ]
