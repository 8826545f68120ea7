"""What is removed from a root in a store: superseded artifacts, and what an execution that did not end well has sent."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("moto.server", reason="the development extra brings moto")

from foundation.stores.brought import exists, fetched
from foundation.stores.mirror import mirror_of
from pipeline.lineage.records import Artifact, Execution
from pipeline.lineage.store import MemoryLineage
from pipeline.roots.opening import open_root
from pipeline.runners.partial_outputs import remove_outputs
from pipeline.runs import cleaning
from tests import object_stores
from tests.object_stores import BUCKET


@pytest.fixture(scope="module")
def store() -> Iterator[dict[str, str]]:
    with object_stores.s3() as variables:
        yield variables


@pytest.fixture
def root(store: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in {**store, "PENSTOCK_CACHE": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    address = f"s3://{BUCKET}/{uuid.uuid4().hex}"
    for execution in (1, 2, 12):
        open_root(address).publish(f"artifacts/Trainer/model/{execution}/saved_model.pb", bytes(100))
    return address


def test_superseded_artifacts_go_from_the_store(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    uris = {number: f"{root}/artifacts/Trainer/model/{number}" for number in (1, 2)}
    fetched(uris[1])
    artifacts = [Artifact(number, "Model", uri, "LIVE") for number, uri in uris.items()]
    executions = [
        Execution(number, "Trainer", "COMPLETE", {}, f"r{number}", 0, 1, {}, {"model": (number,)})
        for number in uris
    ]
    found = cleaning.candidates(MemoryLineage(executions, artifacts), mirror_of(root), 1)
    assert [(one.artifact.id, one.bytes) for one in found] == [(1, 100)]
    monkeypatch.setattr(cleaning, "mark_deleted", lambda *_: None)  # this lineage is in memory
    cleaning.remove(found, None, mirror_of(root))  # type: ignore[arg-type]
    assert (exists(uris[1]), exists(uris[2])) == (False, True)
    assert not mirror_of(uris[1]).exists()


def test_what_was_sent_of_an_execution_that_did_not_end_well_goes(root: str) -> None:
    (mirror_of(root) / "artifacts/Trainer/model/2").mkdir(parents=True)
    remove_outputs(mirror_of(root) / "artifacts/Trainer", 2)
    left = [path.split("/")[3] for path in open_root(root).list("artifacts")]
    assert sorted(left) == ["1", "12"]
    assert not (mirror_of(root) / "artifacts/Trainer/model/2").exists()
