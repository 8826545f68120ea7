"""Ingestion whose workers share nothing with the machine that submits it but a bucket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from foundation.storage_remote import Address
from foundation.stores.mirror import mirror_of
from foundation.stores.opening import open_store
from tests import object_stores
from tests.dataflow_service import Service, serving
from tests.dataflow_worker import machine
from tests.object_stores import BUCKET
from tests.same_examples import rows_of

pytestmark = pytest.mark.integration

ROOT, EXPORT = f"gs://{BUCKET}/learners", f"gs://{BUCKET}/exports/documents.jsonl"
NEW = "new.jsonl"
"""Documents to predict for: on the submitting machine's disk, which has to lay them out."""
ROWS, BAD = 200, b"{broken\n"
DOCUMENT: dict[str, Any] = {
    "name": "learners",
    "root": ROOT,
    "data": {
        "mongo_export": EXPORT,
        "label": "retained",
        "split": {"by": "_id", "stratify": "country"},
        "bad_documents": {"fail_above": "5%"},
    },
    "features": {"lessons": "zscore", "country": {"vocabulary": 10}},
    "evaluate": {"metrics": ["auc"], "gates": "none"},
    "infer": {"mongo_export": NEW, "to": "predictions"},
}
NODES = ("MongoExampleGen", "InferExampleGen")


def documents() -> bytes:
    rows = (
        {"_id": n, "lessons": n % 40, "country": ["BR", "DE", "FR"][n % 3], "retained": n % 4 == 0}
        for n in range(ROWS)
    )
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows) + BAD


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The submitting machine: its working folder, its cache and its temporary folder."""
    folder = tmp_path_factory.mktemp("submits")
    for name in ("home", "cache", "temporary"):
        (folder / name).mkdir()
    (folder / "home" / NEW).write_bytes(documents())
    with pytest.MonkeyPatch.context() as patch, object_stores.gs_apart() as variables:
        for name, value in variables.items():
            patch.setenv(name, value)
        patch.setenv("PENSTOCK_CACHE", str(folder / "cache"))
        patch.setenv("TMPDIR", str(folder / "temporary"))
        patch.setattr("tempfile.tempdir", None)
        store, key = open_store(Address(EXPORT))
        store.put(key, documents())
        yield folder


@pytest.fixture(scope="module")
def service(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    unseen = [home / name for name in ("home", "cache", "temporary")]
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    with machine(elsewhere, unseen) as worker, serving() as running:
        running.work = worker.run
        yield running


def run(home: Path, root: str, beam: str, args: list[str]) -> SimpleNamespace:
    """Runs both ingestions; returns what is told of each, and the folder or mirror that they wrote to."""
    from components.exports.source import resolve
    from components.node import Inputs
    from pipeline.document.models import PipelineSpec
    from pipeline.lineage.store import MlmdLineage, connection_config
    from pipeline.runners.beam import beam_of, works_elsewhere
    from pipeline.runners.compile import compile_job
    from pipeline.runners.job import Job

    metadata = {"sqlite": {"path": str(home / f"{beam}.sqlite")}}
    document = {**DOCUMENT, "metadata": metadata, "run": {"beam": beam, "beam_args": args}}
    spec = PipelineSpec.model_validate(document)
    folder = home / "home"
    inputs = Inputs(folder, resolve(EXPORT, folder), resolve(NEW, folder, section="infer"))
    place = mirror_of(root)
    place.mkdir(parents=True, exist_ok=True)
    job = Job(spec, inputs, place, "r1", place)
    compiled = compile_job(job, NODES)
    from pipeline.runners.node_executor import NodeExecutor  # it leaves out what components need

    elsewhere = partial(works_elsewhere, job)
    nodes = NodeExecutor(compiled, connection_config(spec.metadata, place), partial(beam_of, job), elsewhere)
    executions = {node: nodes.run(node) for node in NODES}
    told = {node: nodes.told(node, execution) for node, execution in executions.items()}
    quarantine = folder / spec.data.bad_documents.folder
    kept = {file.name: file.read_bytes() for file in quarantine.glob("*/bad-*")}
    lineage = MlmdLineage(spec.metadata, place, "learners")
    known = [dict(artifact.properties) for _, artifact in sorted(dict(lineage.artifacts()).items())]
    return SimpleNamespace(told=told, place=place, kept=kept, quarantine=quarantine, known=known)


@pytest.fixture(scope="module")
def local(home: Path) -> SimpleNamespace:
    return run(home, str(home / "local"), "local", [])


@pytest.fixture(scope="module")
def remote(home: Path, service: Service, local: SimpleNamespace) -> SimpleNamespace:
    staging = home / "staging"
    staging.mkdir()
    args = [
        "--project=my-project",
        "--region=europe-west1",
        f"--temp_location={staging}",
        f"--staging_location={staging}",
        f"--dataflow_endpoint={service.endpoint}",
        "--no_auth",
        "--sdk_container_image=europe-docker.pkg.dev/my-project/ml/penstock:0.7.0",
        "--max_num_workers=4",
    ]
    for file in local.quarantine.glob("*/bad-*"):
        file.unlink()
    return run(home, ROOT, "dataflow", args)


def in_store() -> dict[str, bytes]:
    store, key = open_store(Address(f"{ROOT}/artifacts"))
    found = {entry.key: store.get(entry.key) or b"" for entry in store.list(f"{key}/")}
    return {name.removeprefix(f"{key}/"): content for name, content in found.items()}


def of(files: dict[str, bytes], node: str) -> dict[str, Any]:
    """Returns split and file → rows, in their order, of the shards of a node's one artifact."""
    names = [name for name in files if name.startswith(f"{node}/") and name.endswith(".gz")]
    return {name.split("/", 3)[3]: rows_of(files[name]) for name in names}


@pytest.mark.parametrize("node", NODES)
def test_artifacts_are_row_for_row_those_of_a_run_on_one_disk(
    remote: SimpleNamespace, local: SimpleNamespace, node: str
) -> None:
    on_disk = local.place / "artifacts"
    here = {str(file.relative_to(on_disk)): file.read_bytes() for file in on_disk.rglob("*.gz")}
    assert of(here, node) and of(in_store(), node) == of(here, node)


def test_bad_documents_are_kept_where_the_node_was_submitted_and_nowhere_else(
    remote: SimpleNamespace, local: SimpleNamespace
) -> None:
    assert remote.kept == local.kept and BAD in remote.kept.values()
    assert {file.stat().st_mode & 0o777 for file in remote.quarantine.glob("*/bad-*")} == {0o600}


def test_what_was_exchanged_is_gone_from_the_bucket(remote: SimpleNamespace) -> None:
    assert [name for name in in_store() if "exchange" in name] == []


def test_the_same_is_told_of_the_nodes(remote: SimpleNamespace, local: SimpleNamespace) -> None:
    assert remote.told == local.told
    assert remote.known == local.known
    assert remote.known[0]["documents_quarantined"] == 1
    counted = remote.told["MongoExampleGen"]["counted"]
    assert counted == {"documents": ROWS + 1, "quarantined": 1, "bytes": len(documents())}
