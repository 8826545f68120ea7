"""A plan whose artifacts are in a store asks for a folder, not for each artifact; what it decides is the same."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("moto.server", reason="the development extra brings moto")

from foundation.storage_remote import Address
from foundation.stores import kept, s3
from foundation.stores.mirror import mirror_of
from foundation.stores.opening import open_store
from pipeline.graph import Graph
from pipeline.lineage.store import MemoryLineage
from pipeline.plan import make_plan
from tests import object_stores
from tests.object_stores import BUCKET, Faults
from tests.pipeline.conftest import history_of

Make = Callable[..., Graph]
"""Makes a graph, see ``graph_of``."""


@pytest.fixture(scope="module")
def store() -> Iterator[tuple[dict[str, str], Faults]]:
    """S3 behind a proxy that notes each request."""
    seen = Faults()
    with object_stores.s3() as variables, object_stores.failing(variables["AWS_ENDPOINT_URL"], seen) as url:
        yield {**variables, "AWS_ENDPOINT_URL": url}, seen


@pytest.fixture
def requests(
    store: tuple[dict[str, str], Faults], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """The requests that the store has got."""
    for name, value in {**store[0], "PENSTOCK_CACHE": str(tmp_path / "cache")}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(kept, "_USED", {})
    return store[1].seen


def in_store(graph: Graph, folder: Path) -> tuple[MemoryLineage, str]:
    """Returns a lineage in which every node has run once, its artifacts in a bucket, and the address of their folder."""
    lineage, root = history_of(graph, folder), f"s3://{BUCKET}/{uuid.uuid4().hex}/artifacts"
    artifacts = [
        replace(one, uri=f"{root}/{Path(one.uri).parent.name}/out/{one.id}")
        for one in lineage.artifacts().values()
    ]
    for one in artifacts:
        put(f"{one.uri}/data", b"rows")
    return MemoryLineage(lineage.executions(), artifacts), root


def put(address: str, data: bytes) -> None:
    bucket, key = open_store(Address(address))
    bucket.put(key, data)


def test_an_unchanged_plan_is_one_request(graph_of: Make, requests: list[str], tmp_path: Path) -> None:
    graph = graph_of()
    lineage, _ = in_store(graph, tmp_path)
    assert len(lineage.artifacts()) > 10
    del requests[:]
    assert make_plan(graph, lineage).to_run == []
    assert len(requests) == 1, requests


def test_a_lost_result_is_found_to_be_lost(graph_of: Make, requests: list[str], tmp_path: Path) -> None:
    graph = graph_of()
    lineage, root = in_store(graph, tmp_path)
    bucket, key = open_store(Address(f"{root}/Transform"))
    bucket.delete([entry.key for entry in bucket.list(f"{key}/")])
    first = make_plan(graph, lineage).to_run[0]
    assert (first.node.id, first.reason) == ("Transform", "its result is no longer on disk")


@pytest.mark.parametrize("others", [0, 4])
def test_a_root_with_more_than_one_answer_holds_is_asked_node_by_node(
    graph_of: Make, requests: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, others: int
) -> None:
    graph = graph_of()
    lineage, root = in_store(graph, tmp_path)
    for number in range(others):
        put(f"{root}/Trainer/out/{900 + number}/data", b"of other runs")
    monkeypatch.setattr(s3, "_AT_ONCE", 4)
    del requests[:]
    assert make_plan(graph, lineage).to_run == []
    asked = sum(not node.resolver for node in graph)
    assert len(requests) == 1 + asked + (1 if others else 0), requests


def test_result_files_are_brought_without_asking_for_their_folder(
    graph_of: Make, requests: list[str], tmp_path: Path
) -> None:
    graph = graph_of()
    lineage, _ = in_store(graph, tmp_path)
    ingested = next(one.uri for one in lineage.artifacts().values() if "/MongoExampleGen/" in one.uri)
    put(f"{ingested}/ingestion.json", b"{}")
    del requests[:]
    for brought in (1, 0):
        make_plan(graph, lineage)
        listed = [one for one in requests if "list-type=2" in one]
        assert (len(listed), sum(one.startswith("GET") for one in requests) - len(listed)) == (1, brought)
        del requests[:]
    assert (mirror_of(ingested) / "ingestion.json").read_bytes() == b"{}"


@pytest.mark.parametrize(("content", "runs"), [(b"rows", False), (b"ROWS", True)], ids=["same", "other"])
def test_a_result_made_anew_is_compared_once_for_all_its_readers(
    graph_of: Make, requests: list[str], tmp_path: Path, content: bytes, runs: bool
) -> None:
    graph = graph_of()
    lineage, root = in_store(graph, tmp_path)
    first = next(one for one in lineage.executions() if one.node == "MongoExampleGen")
    (old,) = (one for one in lineage.artifacts().values() if one.id in first.outputs["examples"])
    new = replace(old, id=900, uri=f"{root}/MongoExampleGen/out/900")
    put(f"{new.uri}/data", content)
    again = replace(first, id=900, outputs={"examples": (900,)})
    del requests[:]
    anew = MemoryLineage([*lineage.executions(), again], [*lineage.artifacts().values(), new])
    assert bool(make_plan(graph, anew).to_run) is runs
    listed = [one for one in requests if "list-type=2" in one]
    fetched = [one for one in requests if one.startswith("GET") and one not in listed]
    assert (len(listed), len(fetched)) == (1, 2), requests
