"""A real Airflow runs a real pipeline: on time, for an earlier interval, through killed nodes and a killed scheduler.

One server for all of it, and one run of all nodes: each is a process of its own that loads what it needs. Of the backfilled
run only the first node comes to its end.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from pipeline.bundle.reading import Bundle, open_bundle
from pipeline.cli.main import main
from pipeline.document.models import MetadataConfig
from pipeline.lineage.store import MlmdLineage
from pipeline.scheduling.airflow.exporter import AirflowExporter
from pipeline.scheduling.base import Options
from tests import postgresql
from tests.integration.airflow.running import Airflow, running, until
from tests.pipeline.scheduling.bundles import deployed
from tests.side_by_side import importing

pytestmark = pytest.mark.integration

DAG = "learners"
DOCUMENT = """\
name: learners
data:
  mongo_export: exports/{SPAN}/*.jsonl
  fields: {country: country, lessons: {type: int}, retained: {type: bool}}
  label: retained
  split: {train: 6, validation: 1, test: 3}
features: {country: {vocabulary: 10}, lessons: zscore}
model: {type: linear, task: binary}
train: {epochs: 8, batch_size: 64, learning_rate: 0.3, seed: 1}
evaluate: {metrics: [auc], gates: {auc: 0.2}}
infra_validation: false
push: {to: served}
production:
  schedule: "0 0 * * *"
  start: "2026-01-01"
  retries: 2
  retry_delay: 2s
  exponential: false
  on_failure: {env: HOOK}
  parameters: [train.epochs]
  retrain: {on_export: true, new_labels: 500}
"""


def write_export(home: Path, span: int) -> None:
    """Writes the export of a span: 600 learners."""
    chance = random.Random(span)
    folder = home / "exports" / str(span)
    folder.mkdir(parents=True)
    with (folder / "a.jsonl").open("w") as file:
        for number in range(600):
            lessons = chance.randrange(50)
            row = {"_id": f"{span}-{number}", "country": chance.choice(["CH", "DE"]), "lessons": lessons}
            file.write(json.dumps({**row, "retained": lessons + chance.randrange(20) > 30}) + "\n")


@dataclass
class Scene:
    """A running Airflow and its pipeline.

    Attributes:
        airflow: The server.
        home: The pipeline's folder.
        messages: What the webhook was sent.
    """

    airflow: Airflow
    home: Path
    messages: list[Any]

    def lineage(self) -> MlmdLineage:
        """The pipeline's lineage."""
        return MlmdLineage(MetadataConfig(), self.home / ".penstock", DAG)

    def made(self, run: str) -> dict[str, list[int]]:
        """Returns the complete executions of each node of a run, as its tasks have told them."""
        of_run = {self.airflow.told(DAG, quote(run), "MongoExampleGen")["execution"]}
        name = next(e.run for e in self.lineage().executions() if e.id in of_run)
        found: dict[str, list[int]] = {}
        for execution in self.lineage().executions():
            if execution.run == name and execution.state == "COMPLETE":
                found.setdefault(execution.node, []).append(execution.id)
        return found

    def process(self, node: str) -> int | None:
        """Returns the process that runs a node, while it does."""
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (folder / "cmdline").read_bytes().split(b"\0")
                here = os.readlink(folder / "cwd") == str(self.home)
                if here and b"--run-id" in words and words[words.index(b"--node") + 1] == node.encode():
                    return int(folder.name)
        return None

    def worker(self, node: str) -> int | None:
        """Returns the process that does a node's work, once its execution has begun."""
        states = {e.state for e in self.lineage().executions() if e.node == node}
        if "RUNNING" not in states or not (process := self.process(node)):
            return None
        with contextlib.suppress(OSError):
            children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
            return int(children[0]) if children else None
        return None

    def file(self, run: str, pattern: str) -> Any:
        """Returns the content of a file of a run's folder."""
        name = self.airflow.told(DAG, quote(run), "MongoExampleGen")["report"].split("/")[-2]
        (file,) = (self.home / ".penstock" / "runs" / name).glob(pattern)
        return json.loads(file.read_text())

    def deploy(self) -> tuple[Bundle, Bundle]:
        """Exports another bundle over the one that is there; returns that and the new one."""
        (folder,) = (self.home / "written").glob(f"{DAG}-*/")
        before = open_bundle(folder)
        after = deployed(before, self.home / "later", schedule="0 0 * * *", max_active_runs=2)
        AirflowExporter().write(after, self.airflow.dags, Options())
        return before, after


@pytest.fixture(scope="module")
def scene(airflow_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Airflow with the pipeline's DAG, which is paused."""
    if reason := postgresql.missing():
        pytest.skip(f"{reason}: a backfill locks SQLite")
    home = tmp_path_factory.mktemp("learners")
    (home / "pipeline.yaml").write_text(DOCUMENT)
    written = ["--to", str(home / "written")]
    assert main(["export", "airflow", "-f", str(home / "pipeline.yaml"), *written]) == 0
    write_export(home, 1)  # what is there does not do for a run whose own span is not
    binaries = home / "bin"
    binaries.mkdir()
    starter = binaries / "penstock"
    starter.write_text(f'#!/bin/sh\nexec {sys.executable} -P -m pipeline.cli.main "$@"\n')
    starter.chmod(0o755)
    with webhook() as (address, messages):
        paths = importing()
        variables = {
            "PATH": f"{binaries}:{os.environ['PATH']}",
            "PENSTOCK_HOME": str(home),
            "HOOK": address,
            **({"PYTHONPATH": paths["PYTHONPATH"]} if "PYTHONPATH" in paths else {}),
        }
        with running(home / "airflow", airflow_python, variables) as airflow:
            shutil.copytree(home / "written", airflow.dags, dirs_exist_ok=True)
            until(lambda: len(airflow.api("GET", "/api/v2/dags")["dags"]) == 2, "the DAGs")
            yield Scene(airflow, home, messages)


@contextlib.contextmanager
def webhook() -> Iterator[tuple[str, list[Any]]]:
    """Runs what hears of failed runs."""
    messages: list[Any] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            messages.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/hook", messages
        server.shutdown()


def span_of(end: str) -> int:
    """Returns the day of an interval's end, since 1970-01-01."""
    return (datetime.fromisoformat(end).date() - date(1970, 1, 1)).days


def runs(airflow: Airflow, kind: str) -> list[Any]:
    """Returns the runs of a kind."""
    return [r for r in airflow.api("GET", f"/api/v2/dags/{DAG}/dagRuns")["dag_runs"] if r["run_type"] == kind]


def test_a_run_on_time_goes_through_what_happens_to_it(scene: Scene) -> None:
    """A node is killed, another bundle deployed, a task ended by hand and cleared, the scheduler killed."""
    airflow = scene.airflow
    write_export(
        scene.home, span_of(airflow.api("GET", f"/api/v2/dags/{DAG}")["next_dagrun_data_interval_end"])
    )
    airflow.api("PATCH", f"/api/v2/dags/{DAG}", {"is_paused": False})
    (run,) = until(lambda: runs(airflow, "scheduled"), "the run of the last interval")
    name = quote(run["dag_run_id"])
    killed = until(lambda: scene.process("Transform"), "Transform at work")
    os.kill(killed, signal.SIGKILL)
    before, after = scene.deploy()
    end_by_hand(scene, name, "Trainer")
    assert airflow.over(DAG, name) == "failed"
    assert {e.state for e in scene.lineage().executions() if e.node == "Trainer"} == {"CANCELED"}
    assert not [e.outputs for e in scene.lineage().executions() if e.node == "Trainer" and e.outputs]
    assert scene.file(run["dag_run_id"], "nodes/Trainer/0001/0001.end")["code"] == 143
    airflow.clear(DAG, run["dag_run_id"], "Trainer", include_downstream=True)
    until(lambda: scene.process("Evaluator"), "Evaluator at work")
    airflow.kill("scheduler")
    airflow.start("scheduler", "--skip-serve-logs")
    assert airflow.over(DAG, name) == "success"
    tasks = airflow.tasks(DAG, name)
    assert tasks["Transform"][1] >= 2
    assert {state for state, _ in tasks.values()} <= {"success", "skipped"}
    assert airflow.told(DAG, name, "Pusher")["span"] == span_of(run["data_interval_end"])
    assert {node: len(ids) for node, ids in scene.made(run["dag_run_id"]).items()} == dict.fromkeys(tasks, 1)
    assert len([one for one in (scene.home / "served").iterdir() if one.name.isdigit()]) == 1
    assert scene.file(run["dag_run_id"], "run.json")["code"] == f"sha256:{before.sidecar.digest}"
    said = f"began with the bundle {before.folder.name} and goes on with it, not with {after.folder.name}"
    assert said in airflow.log(DAG, name, "Pusher", tasks["Pusher"][1])


def end_by_hand(scene: Scene, run: str, node: str) -> None:
    """Marks a task as failed while its work hangs, and waits until nothing of it is left."""
    worker = until(lambda: scene.worker(node), f"{node} at work")
    os.kill(worker, signal.SIGSTOP)  # the hardest case: it does not even hear that it is to end
    task = f"/api/v2/dags/{DAG}/dagRuns/{run}/taskInstances/{node}"
    scene.airflow.api("PATCH", task, {"new_state": "failed"})
    until(lambda: scene.process(node) is None, f"the end of {node}")
    until(lambda: not Path(f"/proc/{worker}").exists(), f"the end of {node}'s work")


def test_what_a_person_clears_is_made_anew(scene: Scene) -> None:
    airflow = scene.airflow
    (run,) = runs(airflow, "scheduled")
    name = quote(run["dag_run_id"])
    before = airflow.told(DAG, name, "Pusher")
    airflow.clear(DAG, run["dag_run_id"], "Pusher")
    until(lambda: airflow.tasks(DAG, name)["Pusher"][1] > 1, "the next try")
    assert airflow.over(DAG, name) == "success"
    assert airflow.told(DAG, name, "Pusher")["execution"] > before["execution"]
    assert len(scene.made(run["dag_run_id"])["Pusher"]) == 2
    assert len(scene.made(run["dag_run_id"])["Trainer"]) == 1


def test_a_backfilled_run_reads_its_own_span_and_no_other(scene: Scene) -> None:
    airflow = scene.airflow
    airflow.api("PATCH", f"/api/v2/dags/{DAG}", {"is_paused": False})
    about = {"from_date": "2026-02-01T00:00:00Z", "to_date": "2026-02-01T00:00:00Z", "max_active_runs": 1}
    airflow.api("POST", "/api/v2/backfills", {"dag_id": DAG, "reprocess_behavior": "none", **about})
    (run,) = until(lambda: runs(airflow, "backfill"), "the backfilled run")
    name = quote(run["dag_run_id"])
    assert airflow.over(DAG, name) == "failed"
    tasks = airflow.tasks(DAG, name)
    assert tasks["MongoExampleGen"] == ("failed", 1)  # what is not there does not come by trying again
    span = span_of(run["data_interval_end"])
    assert f"span {span} of data.mongo_export" in airflow.log(DAG, name, "MongoExampleGen", 1)
    told = {"pipeline": DAG, "run": run["dag_run_id"], "event": "failed"}
    until(lambda: [m for m in scene.messages if told.items() <= m.items()], "the webhook's message")
    write_export(scene.home, span)
    airflow.clear(DAG, run["dag_run_id"], "MongoExampleGen")
    until(lambda: airflow.tasks(DAG, name)["MongoExampleGen"] == ("success", 2), "the next try's success")
    assert airflow.told(DAG, name, "MongoExampleGen")["span"] == span


def test_news_starts_a_run_and_too_few_labels_do_not(scene: Scene) -> None:
    airflow = scene.airflow
    airflow.api("PATCH", f"/api/v2/dags/{DAG}", {"is_paused": True})  # what is started waits
    airflow.api("PATCH", f"/api/v2/dags/{DAG}_retrain", {"is_paused": False})
    assets = {asset["name"]: asset["id"] for asset in airflow.api("GET", "/api/v2/assets")["assets"]}

    def tell(what: str, **extra: Any) -> dict[str, tuple[str, int]]:
        before = len(retrained())
        event = {"asset_id": assets[f"{DAG}.{what}"], "extra": extra}
        airflow.api("POST", "/api/v2/assets/events", event)
        made = until(lambda: len(retrained()) > before and retrained()[-1], f"what {what} starts")
        return airflow.tasks(f"{DAG}_retrain", quote(made["dag_run_id"]))

    def retrained() -> list[Any]:
        listed = airflow.api("GET", f"/api/v2/dags/{DAG}_retrain/dagRuns?order_by=run_after")["dag_runs"]
        return [run for run in listed if run["state"] in ("success", "failed")]

    assert tell("labels", labels=20)["start"][0] == "skipped"
    assert tell("export", span=20000)["start"][0] == "success"
    (run,) = runs(airflow, "operator_triggered")
    assert run["conf"] == {"span": 20000}
