"""A running process logs what its data plane answers, shows it, and its log becomes training data by one command."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.cli.main import app
from serving.experiments.contract import Outcome
from serving.experiments.live.endpoints import endpoints
from serving.experiments.live.live import Live
from serving.experiments.state.lifecycle import Phase, change
from serving.experiments.state.sqlite import SqliteStore
from serving.wire import client_pb2
from tests.serving.experiments.live.plane import Clock
from tests.serving.experiments.log.logged import rows

DOCUMENT = """
log: {directory: predictions, privacy: {rules: {email: drop}}}
state: state.db
experiments:
  e:
    model: m
    control: old
    arms: {old: {version: 1, weight: 50%}, new: {version: 2, weight: 50%}}
    unit: {feature: user}
    reward: {metric: kept, window: 1h}
"""
PIPELINE = """
name: learners
data:
  mongo_export: exports/{SPAN}/*.parquet
  fields: {profile.country: country, profile.age: {to: age, type: int}, kept: {type: bool}}
  label: kept
  split: {by: user_id, train: 2, validation: 1, test: 1}
features: {age: zscore, country: {vocabulary: 10}}
model: {type: linear}
train: {steps: 5}
evaluate: {metrics: [auc], gates: none}
push: {to: served}
"""


def answered(live: Live, number: int) -> None:
    row = {
        "user": f"u{number}",
        "age": 20 + number % 30,
        "country": ["DE", "FR"][number % 2],
        "email": "a@b.c",
    }
    body = json.dumps({"instances": [row]}).encode()
    route = live.route("m")
    assert route is not None
    choice = route.choose(str(row["user"]), f"r{number}", lambda: row)
    assert choice is not None
    outcome = Outcome(f"r{number}", "rest", "predict", time.time(), 0.002, 0, body, b'{"predictions": [0.5]}')
    route.answered(choice, outcome)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder where an experiment ran: 200 units, each third rewarded, all windows closed."""
    (tmp_path / "experiments.yaml").write_text(DOCUMENT)
    (tmp_path / "pipeline.yaml").write_text(PIPELINE)
    clock = Clock(time.time())
    store = SqliteStore(tmp_path / "state.db", clock)
    live = Live(tmp_path / "experiments.yaml", store=store, lead=0.0)
    change(store, "e", lambda life: life.moved_to(Phase.RUNNING, clock.at, ""))
    live.tick()
    for number in range(200):
        answered(live, number)
    live.tick()
    control = endpoints(live, ["127.0.0.1"])

    async def call(method: str, target: str, document: Any = None, **headers: str) -> Any:
        headers["content-type"] = "application/json"
        given = [(name.encode(), value.encode()) for name, value in headers.items()]
        return await control.handle(method, target, given, json.dumps(document).encode() if document else b"")

    async def calls() -> str:
        for number in range(0, 200, 3):
            answer = await call(
                "POST", "/v1/experiments/e:reward", {"request_id": f"r{number}", "value": 1, "metric": "kept"}
            )
            assert answer.status == 200, answer
        page = await call("GET", "/metrics", accept="text/plain")
        return bytes(page.body).decode()

    text = asyncio.run(calls())
    assert 'penstock_rewards_received_total{experiment="e",status="accepted"} 67.0' in text
    assert 'penstock_log_rows_total{experiment="e"} 200.0' in text
    assert 'penstock_assignment_weight{arm="new",experiment="e"} 0.5' in text
    clock.at += 4000
    live.tick()
    live.close()
    return tmp_path


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["experiment", *arguments])


def test_units_and_dropped_inputs_are_not_in_the_log(folder: Path) -> None:
    [first, *rest] = rows(folder / "predictions", "e")
    assert len(rest) == 199
    assert [name for name in first if name.startswith("input")] == ["input_age", "input_country"]
    assert {row["arm"] for row in rest} == {"old", "new"} and {row["propensity"] for row in rest} == {0.5}
    assert len({row["unit"] for row in rest}) == 199


def test_the_command_says_what_is_wrong(folder: Path) -> None:
    document = str(folder / "experiments.yaml")
    to = str(folder / "out")
    for arguments, expected in (
        (["export", "f", "--to", to, "-f", document], "no such experiment"),
        (["export", "e", "--to", to, "-f", document, "--holdout", "120%"], "holdout"),
        (["export", "e", "--to", to, "-f", document, "--set", "log=null"], "add 'log:"),
        (["warmup", "e", to, "-f", document], "saved_model"),
    ):
        done = run(*arguments)
        assert done.exit_code != 0 and expected in f"{done.output}{done.exception}", arguments
    assert not (folder / "out").exists()


@pytest.mark.component
def test_the_log_becomes_the_next_training_data(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from foundation.tfrecord import read_gz
    from pipeline.cli.main import main

    document, pipeline = folder / "experiments.yaml", folder / "pipeline.yaml"
    done = run(
        "export",
        "e",
        "--to",
        str(folder / "exports" / "{SPAN}"),
        "-f",
        str(document),
        "-p",
        str(pipeline),
        "--json",
    )
    assert done.exit_code == 0, (done.output, done.exception)
    made = json.loads(done.stdout)
    assert made["rows"] == 200 and set(made["arms"]) == {"old", "new"}
    capsys.readouterr()
    assert main(["plan", "-f", str(pipeline)]) == 0
    assert main(["run", "-f", str(pipeline), "--to", "MongoExampleGen", "--quiet"]) == 0
    examples = [
        client_pb2.Example.FromString(record)
        for file in folder.rglob("*.gz")
        if "Split" in str(file)
        for record in read_gz(file)
    ]
    assert len(examples) == 200
    features = [example.features.feature for example in examples]
    assert sum(one["kept"].int64_list.value[0] for one in features) == 67
    assert {one["country"].bytes_list.value[0] for one in features} == {b"DE", b"FR"}
    assert all(20 <= one["age"].int64_list.value[0] < 50 for one in features)
