"""A real Airflow hears what ``penstock announce`` says: each piece of news starts one run, and nothing starts two."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml

from pipeline.cli.main import main
from pipeline.scheduling.airflow.exporter import AirflowExporter
from pipeline.scheduling.base import Options
from serving.experiments.document.reader import read_document
from serving.experiments.state.open import rules_of
from serving.experiments.state.sqlite import SqliteStore
from serving.experiments.state.store import Exposure, Reward
from tests import postgresql
from tests.integration.airflow.running import OVER, Airflow, running, until
from tests.pipeline.conftest import DOCUMENT as LEARNERS
from tests.pipeline.scheduling.bundles import bundle, sidecar

pytestmark = pytest.mark.integration

RETRAIN = {"on_export": True, "on_alarm": True, "new_labels": 5}
DOCUMENT = {
    **LEARNERS,
    "name": "shop",
    "data": {"mongo_export": "exports/{SPAN}/*.jsonl", "label": "retained"},
    "production": {"retrain": RETRAIN},
}
EXPERIMENTS = """
experiments:
  e:
    model: m
    control: old
    arms: {old: {version: 1, weight: 50%}, new: {version: 2, weight: 50%}}
    reward: {metric: bought, window: 1h}
"""
REMOVED = {"kind": "arm_removed", "experiment": "e", "arm": "new", "reason": "5 failures in a row", "at": 1.0}


@dataclass
class Scene:
    """A running Airflow, and a project that has news for it.

    Attributes:
        airflow: The server.
        token: A token of its API.
    """

    airflow: Airflow
    token: str = field(repr=False)

    def events(self, what: str) -> list[Any]:
        """Returns what was sent with an asset's events."""
        listed = self.airflow.api("GET", "/api/v2/assets/events?order_by=timestamp&limit=100")["asset_events"]
        return [event["extra"] for event in listed if event["name"] == f"shop.{what}"]

    def runs(self, dag: str) -> list[Any]:
        """Returns a DAG's runs."""
        return list(self.airflow.api("GET", f"/api/v2/dags/{dag}/dagRuns?order_by=run_after")["dag_runs"])

    def started(self, count: int) -> Any:
        """Waits until that many runs of the pipeline were started by news, and returns the last; it waits, as it is paused."""
        found: list[Any] = until(lambda: (runs := self.runs("shop"))[count - 1 :] and runs, f"run {count}")

        def over() -> bool:
            return all(run["state"] in OVER for run in self.runs("shop_retrain"))

        until(over, "the end of the runs that news has started")
        assert len(found) == len(self.runs("shop_retrain")) == count
        return found[-1]


@pytest.fixture(scope="module")
def scene(airflow_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Airflow with the DAGs of a pipeline that nothing was compiled for: no node of it runs."""
    if reason := postgresql.missing():
        pytest.skip(reason)
    home = tmp_path_factory.mktemp("announced")
    made = bundle(home / "bundles", sidecar({"retrain": RETRAIN, "schedule": None}))
    with running(home / "airflow", airflow_python, {"PENSTOCK_HOME": str(home)}) as airflow:
        AirflowExporter().write(made, airflow.dags, Options())
        until(lambda: len(airflow.api("GET", "/api/v2/dags")["dags"]) == 2, "the DAGs")
        yield Scene(airflow, airflow.api("GET", "/auth/token")["access_token"])


@pytest.fixture(autouse=True)
def project(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project in the working folder, and an environment that names Airflow."""
    monkeypatch.chdir(tmp_path)
    Path("pipeline.yaml").write_text(yaml.safe_dump(DOCUMENT))
    Path("experiments.yaml").write_text(EXPERIMENTS)
    Path("exports/20455").mkdir(parents=True)
    Path("exports/20455/a.jsonl").write_text('{"_id": 1}\n')
    monkeypatch.setenv("PENSTOCK_AIRFLOW", f"http://127.0.0.1:{scene.airflow.port}")
    monkeypatch.setenv("PENSTOCK_AIRFLOW_TOKEN", scene.token)


def rewarded(count: int) -> None:
    """Has an experiment with units whose windows are closed."""
    at = time.time() - 7200
    store = SqliteStore(Path("experiments.db"), lambda: at)
    store.declare("e", rules_of(read_document(Path("experiments.yaml")).experiments["e"].reward))
    store.expose([Exposure("e", f"u{n}", f"r{n}", "new", 0.5) for n in range(count)])
    store.reward([Reward("e", "bought", 1.0, key=f"u{n}") for n in range(count)])
    store.close()


def test_each_piece_of_news_starts_one_run(
    scene: Scene, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["announce", "export"]) == 1  # Airflow pauses what is new
    assert "airflow dags unpause shop_retrain" in capsys.readouterr().err
    assert scene.events("export") == []
    scene.airflow.api("PATCH", "/api/v2/dags/shop_retrain", {"is_paused": False})
    assert [main(["announce", "export"]) for _ in range(2)] == [0, 0]
    assert [extra["span"] for extra in scene.events("export")] == [20455]
    assert scene.started(1)["conf"] == {"span": 20455}
    rewarded(6)
    assert [main(["announce", "labels", "e"]) for _ in range(2)] == [0, 0]
    assert [extra["labels"] for extra in scene.events("labels")] == [6]
    assert scene.started(2)["conf"] == {"span": None}
    for _ in range(2):
        monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(REMOVED)))
        assert main(["announce", "alarm", "--alert"]) == 0
    assert [extra["alarm"] for extra in scene.events("alarm")] == ["e.new.arm_removed"]
    scene.started(3)
    for run in scene.runs("shop_retrain"):
        assert run["state"] == "success"
        tasks = scene.airflow.tasks("shop_retrain", quote(run["dag_run_id"]))
        assert tasks["start"][0] == "success"


def test_a_token_that_airflow_does_not_take_is_told_and_not_shown(
    scene: Scene, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = scene.token[:-8] + "AAAAAAAA"
    monkeypatch.setenv("PENSTOCK_AIRFLOW_TOKEN", wrong)
    assert main(["announce", "export"]) == 1
    said = capsys.readouterr().err
    assert "get a new token from Airflow" in said
    assert wrong not in said
