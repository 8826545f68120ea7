"""Going back and forth between two documents: what is served, predicted and said is always the given document's."""

from __future__ import annotations

import json
import logging
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.pusher.ledger import fingerprint

pytestmark = pytest.mark.e2e

COMMAND = [sys.executable, "-c", "from pipeline.cli.main import main; main()"]
DOCUMENT = """
name: forth
data: {mongo_export: documents.jsonl, label: kept, bad_documents: {quarantine: false}}
features: {lessons: zscore}
model: model.py:build_model
train: {epochs: 1}
evaluate: {metrics: [auc], gates: none}
infra_validation: false
push: {to: served}
infer: {mongo_export: documents.jsonl, to: predicted}
"""
MODEL = """
import keras

def build_model(features, hyperparameters):
    from lib.units import UNITS
    inputs = {f.name: keras.Input((), name=f.name) for f in features}
    column = keras.layers.Reshape((1,))(inputs["lessons_zscore"])
    hidden = keras.layers.Dense(UNITS)(column)
    return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(hidden))
"""
OTHER = ("--set", "train.epochs=2")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    drawn = random.Random(1)
    rows = ({"_id": n, "lessons": drawn.randrange(50), "kept": drawn.random() < 0.5} for n in range(400))
    (folder / "documents.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "pipeline.yaml").write_text(DOCUMENT)
    (folder / "model.py").write_text(MODEL)
    (folder / "lib").mkdir()
    (folder / "lib" / "units.py").write_text("UNITS = 2\n")
    return folder


def penstock(project: Path, *arguments: str) -> str:
    done = subprocess.run(
        [*COMMAND, *arguments], cwd=project, capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def planned(project: Path, *arguments: str) -> dict[str, str]:
    """Returns node → why, of the nodes that would run."""
    nodes: list[dict[str, Any]] = json.loads(penstock(project, "plan", "--json", *arguments))
    return {node["node"]: node["reason"] for node in nodes if node["action"] == "run"}


def served(project: Path) -> str:
    """Returns the digest of the served model."""
    numbers = [int(folder.name) for folder in (project / "served").iterdir() if folder.name.isdecimal()]
    return fingerprint(project / "served" / str(max(numbers)))


def outside(project: Path) -> tuple[str, bytes]:
    return served(project), (project / "predicted" / "predictions.jsonl").read_bytes()


@pytest.fixture(scope="module")
def both(project: Path) -> dict[str, tuple[str, bytes]]:
    """Runs one document, then the other; what each leaves outside."""
    penstock(project, "run")
    first = outside(project)
    penstock(project, "run", *OTHER)
    second = outside(project)
    assert first[0] != second[0] and first[1] != second[1]
    return {"first": first, "second": second}


def test_1_an_earlier_document_publishes_again(project: Path, both: dict[str, tuple[str, bytes]]) -> None:
    why = planned(project)
    assert set(why) == {"Pusher", "BulkInferrer"}
    assert "is served, which holds another model" in why["Pusher"]
    assert why["BulkInferrer"].endswith("predictions.jsonl was changed")
    said = penstock(project, "run")
    assert "again: it was version" in said
    assert outside(project) == both["first"]
    penstock(project, "run", *OTHER)
    assert outside(project) == both["second"]
    penstock(project, "run")
    assert outside(project) == both["first"]


def test_2_nothing_to_do_names_the_run_of_this_document(project: Path) -> None:
    first = json.loads(penstock(project, "run", "--json"))
    assert (first["state"], Path(first["report"]).parent.name) == ("unchanged", first["same_as"])
    record = json.loads((project / ".penstock" / "runs" / first["same_as"] / "run.json").read_text())
    assert record["document"]["train"] == {"epochs": 1}


def test_3_predictions_that_are_gone_or_altered_are_made_again(
    project: Path, both: dict[str, tuple[str, bytes]]
) -> None:
    file = project / "predicted" / "predictions.jsonl"
    file.write_bytes(file.read_bytes().replace(b"0", b"1"))
    assert planned(project) == {"BulkInferrer": f"{file} was changed"}
    shutil.rmtree(file.parent)
    assert planned(project) == {"BulkInferrer": f"{file} is gone"}
    penstock(project, "run")
    assert outside(project) == both["first"]


def test_4_a_rollback_is_respected_and_said(project: Path, both: dict[str, tuple[str, bytes]]) -> None:
    penstock(project, "rollback")
    assert served(project) == both["second"][0]
    said = penstock(project, "run")
    assert "stays served, by a rollback" in said and "Nothing to do" in said
    assert served(project) == both["second"][0]


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A bucket of a store on this machine that the environment names."""
    pytest.importorskip("moto.server", reason="the development extra brings moto")
    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.get_host_and_port()[1]}")
    for name, value in {"ACCESS_KEY_ID": "id", "SECRET_ACCESS_KEY": "key", "REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    client = boto3.client("s3", region_name="us-east-1")
    client.create_bucket(Bucket="predicted")
    yield client
    server.stop()


def test_5_predictions_are_written_to_a_store(
    project: Path, both: dict[str, tuple[str, bytes]], bucket: Any
) -> None:
    there = ("--set", "infer.to=s3://predicted/daily")
    assert set(planned(project, *there)) == {"BulkInferrer"}
    penstock(project, "run", *there)
    key = {"Bucket": "predicted", "Key": "daily/predictions.jsonl"}
    assert bucket.get_object(**key)["Body"].read() == both["first"][1]
    assert not (project / "s3:").exists()
    assert planned(project, *there) == {}
    bucket.put_object(**key, Body=b"another's")
    assert planned(project, *there) == {"BulkInferrer": "s3://predicted/daily/predictions.jsonl was changed"}


def test_6_own_code_in_a_folder_counts_and_is_used(project: Path) -> None:
    units = project / "lib" / "units.py"
    before = units.stat()
    units.write_text("UNITS = 3\n")
    os.utime(units, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert planned(project)["Trainer"] == "your code changed"
    penstock(project, "run", "--to", "Trainer")
    logged = penstock(project, "show", "--json")
    folder = next(a["uri"] for name, a in json.loads(logged)["artifacts"].items() if name == "Trainer.model")
    assert hidden_units(Path(folder)) == 3


def hidden_units(model: Path) -> int:
    """Returns the width of the hidden layer."""
    described = json.loads((model / "keras" / "description.json").read_text())
    return int(described["weights"][0]["shape"][1])
