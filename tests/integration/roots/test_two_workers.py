"""Two workers that share a bucket and a metadata server, and nothing else: their nodes alternate, to a model that serves."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

pytest.importorskip("moto.server", reason="the development extra brings moto")

from foundation.storage_remote import Address
from foundation.stores.opening import open_store
from pipeline.document.models import MetadataConfig
from pipeline.lineage.records import Artifact, Execution
from pipeline.lineage.store import MlmdLineage
from tests import object_stores, postgresql
from tests.object_stores import BUCKET, Faults
from tests.side_by_side import free_port

from .workers import COMMAND, Worker

pytestmark = pytest.mark.integration

ROOT, MODELS = f"s3://{BUCKET}/forth", f"s3://{BUCKET}/models/forth"
DOCUMENT = """
name: forth
root: {root}
metadata: {{postgresql: {{host: 127.0.0.1, port: {port}, database: mlmd, user: {user}}}}}
data: {{mongo_export: 's3://{bucket}/exports/documents.jsonl', label: kept, bad_documents: {{quarantine: false}}}}
features: {{lessons: zscore}}
train: {{epochs: 1}}
evaluate: {{metrics: [auc], gates: none}}
infra_validation: false
push: {{to: {models}}}
"""


@dataclass(frozen=True)
class Run:
    """What the workers have done."""

    workers: tuple[Worker, Worker]
    lines: dict[str, dict[str, Any]]
    executions: list[Execution]
    artifacts: dict[int, Artifact]
    metadata: MetadataConfig


@pytest.fixture(scope="module")
def environment() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch, object_stores.s3() as variables:
        for name, value in variables.items():
            patch.setenv(name, value)
        patch.setenv("PENSTOCK_METADATA_PASSWORD", postgresql.PASSWORD)
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
        yield patch


@pytest.fixture(scope="module")
def port(environment: pytest.MonkeyPatch) -> Iterator[int]:
    if reason := postgresql.missing():
        pytest.skip(reason)
    with postgresql.running() as server:
        server.create("mlmd")
        yield server.port


@pytest.fixture(scope="module")
def run(port: int, environment: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("two")
    environment.setenv("PENSTOCK_CACHE", str(folder / "test"))
    bundle = _compiled(folder, port)
    workers = Worker(folder / "one"), Worker(folder / "two")
    for worker in workers:
        shutil.copytree(bundle, worker.folder / "bundle")
    nodes = [node["id"] for node in json.loads((bundle / "bundle.json").read_text())["nodes"]]
    lines = {}
    for number, node in enumerate(nodes):
        code, lines[node] = workers[number % 2].run("--node", node)
        assert code == 0, json.dumps(lines[node])
    config = MetadataConfig.model_validate(
        {
            "postgresql": {
                "host": "127.0.0.1",
                "port": port,
                "database": "mlmd",
                "user": postgresql.USER,
            }
        }
    )
    lineage = MlmdLineage(config, folder, "forth")
    return Run(workers, lines, lineage.executions(), dict(lineage.artifacts()), config)


def _compiled(folder: Path, port: int) -> Path:
    drawn = random.Random(1)
    rows = ({"_id": n, "lessons": drawn.randrange(50), "kept": drawn.random() < 0.5} for n in range(400))
    store, key = open_store(Address(f"s3://{BUCKET}/exports/documents.jsonl"))
    store.put(key, "".join(json.dumps(row) + "\n" for row in rows).encode())
    values = {"root": ROOT, "models": MODELS, "bucket": BUCKET, "port": port, "user": postgresql.USER}
    (folder / "pipeline.yaml").write_text(DOCUMENT.format(**values))
    done = subprocess.run(
        [*COMMAND, "compile", "--to", "bundles"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return next((folder / "bundles").iterdir())


def _objects(address: str) -> set[str]:
    store, key = open_store(Address(address))
    return {entry.key.removeprefix(f"{key}/") for entry in store.list(f"{key}/")}


def test_every_node_is_done_whichever_worker_ran_it(run: Run) -> None:
    assert {line["state"] for line in run.lines.values()} <= {"done", "skipped"}
    assert {"Trainer", "Pusher"} <= {node for node, line in run.lines.items() if line["state"] == "done"}


def test_lineage_knows_addresses_alone_and_one_artifact_of_each(run: Run) -> None:
    assert {execution.state for execution in run.executions} == {"COMPLETE"}
    assert len({execution.node for execution in run.executions}) == len(run.executions)
    assert all(artifact.uri.startswith(f"{ROOT}/artifacts/") for artifact in run.artifacts.values())
    local = str(run.workers[0].folder.parent)
    texts = [value for one in run.artifacts.values() for value in one.properties.values()]
    assert not [text for text in texts if local in str(text)]


def test_every_artifact_is_in_the_bucket(run: Run) -> None:
    there = _objects(f"{ROOT}/artifacts")
    for artifact in run.artifacts.values():
        place = artifact.uri.removeprefix(f"{ROOT}/artifacts/")
        assert any(name.startswith(f"{place}/") for name in there), artifact.uri


def test_the_same_node_on_the_other_worker_is_done_already(run: Run) -> None:
    code, line = run.workers[0].run("--node", "StatisticsGen")
    again = run.workers[1].run("--node", "StatisticsGen")
    assert (code, line["state"], line["execution"]) == (0, "done", run.lines["StatisticsGen"]["execution"])
    assert again == (0, {**line, "seconds": again[1]["seconds"]})


class Deadly(Faults):
    """Kills a process while it sends its second file of an artifact.

    Args:
        part: Part of the artifact's address.
    """

    def __init__(self, part: str) -> None:
        super().__init__()
        self.part, self.victim, self.sent = part, 0, 0

    def next(self, method: str) -> str:
        self.sent += method == "PUT" and self.part in self.seen[-1]
        if self.sent < 2:
            return ""
        os.killpg(self.victim, signal.SIGKILL)
        return "refuse"


def test_what_was_half_sent_by_a_killed_worker_is_made_whole_by_the_other(run: Run) -> None:
    deadly = Deadly("StatisticsGen/statistics")
    with object_stores.failing(os.environ["AWS_ENDPOINT_URL"], deadly) as url:
        victim = run.workers[0].start("--node", "StatisticsGen", "--again", AWS_ENDPOINT_URL=url)
        deadly.victim = victim.pid
        said, _ = victim.communicate(timeout=400)
    assert (victim.returncode, deadly.sent >= 2) == (-signal.SIGKILL, True), said
    before = _objects(f"{ROOT}/artifacts/StatisticsGen")
    code, line = run.workers[1].run("--node", "StatisticsGen", "--again")
    assert (code, line["state"], line["attempt"]) == (0, "done", 2), line
    made = {name.partition("/")[2] for name in _objects(f"{ROOT}/artifacts/StatisticsGen")}
    first, second = (
        {name.partition("/")[2] for name in made if name.startswith(f"{execution}/")}
        for execution in (run.lines["StatisticsGen"]["execution"], line["execution"])
    )
    assert first == second, "whole, and nothing else"
    assert len(before) < len(made)
    now = MlmdLineage(run.metadata, run.workers[0].folder, "forth")
    complete = [one for one in now.executions() if one.node == "StatisticsGen" and one.state == "COMPLETE"]
    assert [len(one.outputs["statistics"]) for one in complete] == [1, 1]
    assert {name.partition("/")[0] for name in made} == {str(one.id) for one in complete}


def test_the_run_is_recorded_for_everyone(run: Run) -> None:
    assert any(name.endswith("/run.json") for name in _objects(f"{ROOT}/runs"))
    assert any(name.endswith("/report.html") for name in _objects(f"{ROOT}/runs"))


def test_each_worker_has_worked_in_a_mirror_of_its_own(run: Run) -> None:
    for worker in run.workers:
        mirror = worker.folder / "home/.cache/penstock/mirror/s3" / BUCKET / "forth/artifacts"
        assert list(mirror.glob("*/*/*"))


def test_the_pushed_model_is_served_from_the_store(run: Run) -> None:
    (number,) = {name.partition("/")[0] for name in _objects(MODELS) if name[0].isdecimal()}
    worker, (port, rest) = run.workers[0], (free_port(), free_port())
    document = run.workers[0].folder.parent / "pipeline.yaml"
    command = [*COMMAND, "serve", str(document), "--engine", "embedded", "--port", str(port)]
    with subprocess.Popen(
        [*command, "--rest-port", str(rest)],
        env=worker.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as server:
        assert server.stdout
        said = []
        for line in server.stdout:
            said.append(line)
            if "Serving forth" in line:
                break
        try:
            assert f"versions in the folder: {number}" in said[-1], "".join(said)
            with urlopen(f"http://127.0.0.1:{rest}/v1/models/forth") as answer:
                status = json.load(answer)
        finally:
            server.terminate()
    assert [(one["version"], one["state"]) for one in status["model_version_status"]] == [
        (number, "AVAILABLE")
    ]
