"""``penstock announce`` through its entry point, beside a double of Airflow: what is sent, what is said, how it ends."""

from __future__ import annotations

import io
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ml_metadata.proto import metadata_store_pb2 as pb

from pipeline.cli.main import main
from pipeline.cli.options import open_session
from pipeline.lineage.store import open_store
from serving.experiments.document.reader import read_document
from serving.experiments.state.open import open_store as open_state
from serving.experiments.state.open import rules_of
from serving.experiments.state.sqlite import SqliteStore
from serving.experiments.state.store import Exposure, Reward
from tests.pipeline.announce.double import TOKEN, AirflowDouble, serving
from tests.pipeline.conftest import DOCUMENT

PRODUCTION = {"retrain": {"on_export": True, "on_alarm": True, "new_labels": 5}}
EXPERIMENTS = """
experiments:
  e:
    model: m
    control: old
    arms: {old: {version: 1, weight: 50%}, new: {version: 2, weight: 50%}}
    reward: {metric: retained, window: 1h}
"""


@pytest.fixture(autouse=True)
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AirflowDouble]:
    """A project in the working folder, and an Airflow that the environment names."""
    monkeypatch.chdir(tmp_path)
    data = {"mongo_export": "exports/{SPAN}/*.jsonl", "label": "retained"}
    Path("pipeline.yaml").write_text(yaml.safe_dump({**DOCUMENT, "data": data, "production": PRODUCTION}))
    Path("experiments.yaml").write_text(EXPERIMENTS)
    (tmp_path / "exports" / "20455").mkdir(parents=True)
    (tmp_path / "exports" / "20455" / "a.jsonl").write_text('{"_id": 1}\n')
    for name in ("PENSTOCK_HOME", "PENSTOCK_ROOT"):
        monkeypatch.delenv(name, raising=False)
    with serving() as running:
        monkeypatch.setenv("PENSTOCK_AIRFLOW", running.address)
        monkeypatch.setenv("PENSTOCK_AIRFLOW_TOKEN", TOKEN)
        yield running


def announce(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Runs the command; returns its exit code and everything that it said."""
    code = main(["announce", *arguments])
    seen = capsys.readouterr()
    assert TOKEN not in seen.out + seen.err
    return code, seen.out + seen.err


def rewarded(count: int, seconds_ago: float) -> None:
    """Has an experiment with units whose rewards came at once."""
    document = read_document(Path("experiments.yaml"))
    open_state(document.state, Path()).close()
    at = time.time() - seconds_ago
    store = SqliteStore(Path("experiments.db"), lambda: at)
    store.declare("e", rules_of(document.experiments["e"].reward))
    units = [f"u{seconds_ago}-{n}" for n in range(count)]
    store.expose([Exposure("e", unit, f"r-{unit}", "new", 0.5) for unit in units])
    store.reward([Reward("e", "retained", 1.0, key=unit) for unit in units])
    store.close()


def trained(seconds_ago: float) -> None:
    """Has a run in the lineage that read its data and trained."""
    session = open_session(None)
    session.root.mkdir(parents=True, exist_ok=True)
    store: Any = open_store(session.loaded.spec.metadata, session.root)
    kind = store.put_context_type(pb.ContextType(name="pipeline"))
    (context,) = store.put_contexts([pb.Context(type_id=kind, name="learners")])
    made = store.put_artifact_type(pb.ArtifactType(name="Model"))
    taken = None
    for node in ("MongoExampleGen", "Trainer"):
        own = store.put_execution_type(pb.ExecutionType(name=node))
        execution = pb.Execution(type_id=own, last_known_state=pb.Execution.COMPLETE)
        artifact = pb.Artifact(type_id=made, uri="/a", state=pb.Artifact.LIVE)
        pairs: list[Any] = [(artifact, pb.Event(type=pb.Event.OUTPUT, path=_path("model")))]
        pairs += [(taken, pb.Event(type=pb.Event.INPUT, path=_path("examples")))] if taken else []
        _, artifacts, _ = store.put_execution(
            execution, pairs, [pb.Context(id=context, type_id=kind, name="learners")]
        )
        (taken,) = store.get_artifacts_by_id([artifacts[0]])
    _backdate(session.root / "metadata.db", seconds_ago)


def _path(key: str) -> pb.Event.Path:
    return pb.Event.Path(steps=[pb.Event.Path.Step(key=key), pb.Event.Path.Step(index=0)])


def _backdate(file: Path, seconds: float) -> None:
    """Lets executions have begun earlier: ML Metadata stamps them itself."""
    import sqlite3

    with sqlite3.connect(file) as connection:
        connection.execute(
            "UPDATE Execution SET create_time_since_epoch = create_time_since_epoch - ?",
            (int(seconds * 1000),),
        )


def test_a_new_export_is_sent_once(server: AirflowDouble, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = announce(capsys, "export")
    assert code == 0
    assert said.startswith("Sent to learners.export: span 20455, data ")
    code, said = announce(capsys, "export", "--json")
    assert code == 0
    assert json.loads(said)["sent"] is False
    assert [extra["span"] for extra in server.extras("export")] == [20455]


def test_paths_start_from_the_home_that_nodes_have(
    server: AirflowDouble, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data" / "exports" / "20456").mkdir(parents=True)
    (tmp_path / "data" / "exports" / "20456" / "a.jsonl").write_text('{"_id": 1}\n')
    monkeypatch.setenv("PENSTOCK_HOME", str(tmp_path / "data"))
    assert announce(capsys, "export")[0] == 0
    assert server.extras("export")[0]["span"] == 20456


def test_labels_are_counted_since_the_last_training_and_sent_when_there_are_enough(
    server: AirflowDouble, capsys: pytest.CaptureFixture[str]
) -> None:
    rewarded(3, seconds_ago=9 * 3600)
    assert announce(capsys, "labels", "e") == (0, "3 new labels before any training; 5 start a run.\n")
    trained(seconds_ago=6 * 3600)
    rewarded(4, seconds_ago=3 * 3600)
    code, said = announce(capsys, "labels", "e", "--json")
    assert (code, json.loads(said)["extra"]["labels"]) == (0, 4)
    assert server.asked == []
    rewarded(2, seconds_ago=2 * 3600)
    code, said = announce(capsys, "labels", "e")
    assert code == 0
    assert said.splitlines()[0].startswith("6 new labels since 20")
    assert said.splitlines()[1].startswith("Sent to learners.labels: labels 6, since 20")
    assert "has had this news since" in announce(capsys, "labels", "e", "e")[1]
    assert len(server.events) == 1


def test_what_takes_an_arm_out_can_send_an_alarm(
    server: AirflowDouble, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    alert = {
        "kind": "arm_removed",
        "experiment": "e",
        "arm": "new",
        "reason": "5 failures in a row",
        "at": 1.0,
    }
    for kind in ("arm_removed", "arm_removed", "promoted"):
        monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps({**alert, "kind": kind})))
        assert announce(capsys, "alarm", "--alert")[0] == 0
    assert [extra["alarm"] for extra in server.extras("alarm")] == ["e.new.arm_removed"]


def test_an_alarm_has_a_name_and_a_reason(server: AirflowDouble, capsys: pytest.CaptureFixture[str]) -> None:
    assert announce(capsys, "alarm", "accuracy", "--reason", "below 0.7")[0] == 0
    assert announce(capsys, "alarm", "accuracy", "--reason", "below 0.6")[0] == 0
    time.sleep(0.01)
    assert announce(capsys, "alarm", "accuracy", "--reason", "below 0.5", "--quiet", "1ms")[0] == 0
    assert [extra["reason"] for extra in server.extras("alarm")] == ["below 0.7", "below 0.5"]
    for wrong in (
        ["accuracy"],
        ["--reason", "x"],
        ["accuracy", "--reason", "x", "--alert"],
        ["--alert", "--validation"],
        [],
    ):
        assert announce(capsys, "alarm", *wrong)[0] == 2


def test_what_the_document_does_not_wait_for_is_refused(
    server: AirflowDouble, capsys: pytest.CaptureFixture[str]
) -> None:
    off = ["--set", "production.retrain=null"]
    code, said = announce(capsys, "export", *off)
    assert code == 2
    assert "write retrain: {on_export: true} under production" in said
    assert announce(capsys, "labels", "e", *off)[0] == 2
    assert announce(capsys, "alarm", "a", "--reason", "b", *off)[0] == 2
    assert server.asked == []


@pytest.mark.parametrize(
    ("instead", "code"), [pytest.param(503, 75, id="passing"), pytest.param(403, 1, id="for-good")]
)
def test_the_exit_code_says_whether_trying_again_helps(
    server: AirflowDouble, capsys: pytest.CaptureFixture[str], instead: int, code: int
) -> None:
    server.instead = [instead]
    seen = announce(capsys, "export", "--patience", "0")
    assert seen[0] == code
    assert seen[1].startswith(f"error: Airflow at {server.address}; expected")
    assert announce(capsys, "export", "--debug")[0] == 0


def test_patience_outlasts_an_airflow_that_is_away_for_a_moment(
    server: AirflowDouble, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.cli.announce.sending._PAUSE_SECONDS", 0.01)
    server.instead = [503, 502]
    alarm = ["alarm", "accuracy", "--reason", "below 0.7"]
    assert announce(capsys, *alarm)[0] == 0
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("PENSTOCK_AIRFLOW", f"http://127.0.0.1:{port}")
    assert announce(capsys, *alarm, "--patience", "0")[0] == 75
    monkeypatch.delenv("PENSTOCK_AIRFLOW_TOKEN")
    assert announce(capsys, *alarm)[0] == 2


@pytest.mark.parametrize("news", ["export", "labels", "alarm"])
def test_a_run_that_waits_in_airflows_queue_is_waited_for(
    server: AirflowDouble, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, news: str
) -> None:
    command = {
        "export": ["export"],
        "labels": ["labels", "e"],
        "alarm": ["alarm", "accuracy", "--reason", "bad"],
    }
    monkeypatch.setattr("pipeline.cli.announce.sending._PAUSE_SECONDS", 0.01)
    rewarded(6, 7200)
    server.queued = 2
    assert announce(capsys, *command[news])[0] == 0
    server.queued = 2
    code, said = announce(capsys, *command[news], "--patience", "0")[:2]
    assert code == 75
    assert "once no run of the retraining DAG waits in Airflow's queue" in said
