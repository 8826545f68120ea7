"""A run with values of its own goes on where its first worker is gone: with a root in a folder, and in a bucket."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

pytest.importorskip("moto.server", reason="the development extra brings moto")

from tests import object_stores
from tests.object_stores import BUCKET

from .workers import COMMAND, Worker

pytestmark = pytest.mark.integration

DOCUMENT = """
name: learners
root: ROOT
metadata: {sqlite: {path: METADATA}}
data: {mongo_export: EXPORT, fields: {lessons: lessons}, label: kept, bad_documents: {quarantine: false}}
features: code/features.py:preprocessing_fn
evaluate: {metrics: [auc], gates: none}
production: {parameters: [data.split]}
"""
OWN_CODE = """
import tensorflow as tf

def preprocessing_fn(inputs):
    given = inputs["lessons"]
    column = tf.sparse.to_dense(tf.SparseTensor(given.indices, given.values, [given.dense_shape[0], 1]), 0)
    return {"lessons": tf.cast(tf.ensure_shape(column, [None, 1]), tf.float32)}
"""
VALUES = ("--set", "data.split={train: 5, validation: 5}")
LATER = ("SchemaInferrer", "ExampleValidator", "ValidationGate", "Transform")


def compiled(folder: Path, root: str) -> Path:
    """Writes a project with own code and compiles it; everybody reads the same export."""
    drawn = random.Random(1)
    rows = ({"_id": n, "lessons": drawn.randrange(50), "kept": drawn.random() < 0.5} for n in range(400))
    export = folder / "documents.jsonl"
    export.write_text("".join(json.dumps(row) + "\n" for row in rows))
    project = folder / "project"
    (project / "code").mkdir(parents=True)
    values = {"ROOT": root, "METADATA": str(folder / "metadata.db"), "EXPORT": str(export)}
    text = DOCUMENT
    for name, value in values.items():
        text = text.replace(name, value)
    (project / "pipeline.yaml").write_text(text)
    (project / "code/features.py").write_text(OWN_CODE)
    done = subprocess.run(
        [*COMMAND, "compile", "--to", "bundles"], cwd=project, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return next((project / "bundles").iterdir())


@pytest.mark.parametrize(("where", "later"), [("folder", LATER[:1]), ("bucket", LATER)])
def test_another_worker_takes_up_a_run_with_values(
    where: str, later: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with object_stores.s3() as variables:
        for name, value in {**variables, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}.items():
            monkeypatch.setenv(name, value)
        root = str(tmp_path / "root") if where == "folder" else f"s3://{BUCKET}/{uuid.uuid4().hex}"
        bundle = compiled(tmp_path, root)
        first, second = Worker(tmp_path / "one"), Worker(tmp_path / "two")
        for worker in (first, second):
            shutil.copytree(bundle, worker.folder / "bundle")
        for node in ("MongoExampleGen", "StatisticsGen"):
            assert first.run("--node", node, *VALUES)[0] == 0
        shutil.rmtree(first.folder)
        lines = [second.run("--node", node, *VALUES) for node in later]
    assert [(code, line["state"]) for code, line in lines] == [(0, "done")] * len(later), lines
