"""That what fails on an engine's worker fails the node as it does locally: kind, exit code, and the place in own code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from foundation.errors import DataError, StorageError
from pipeline.runners.worker import our_error

pytestmark = pytest.mark.integration

COMMAND = [sys.executable, "-c", "from pipeline.cli.main import main; main()"]
DOCUMENT = """\
name: refused
data:
  mongo_export: export.jsonl
  fields: {n: {type: int}, label: {type: bool}}
  label: label
  split: {by: _id, train: 7, validation: 1, test: 2}
features: features.py:preprocessing_fn
evaluate: {metrics: [auc], gates: none}
run: {workers: 1}
"""
FEATURES = """\
import tensorflow as tf
import tensorflow_transform as tft

def preprocessing_fn(inputs):
    n = tf.cast(inputs["n"].values, tf.float32)
    with tf.control_dependencies([tf.debugging.assert_less(n, 100.0)]):
        n = tf.reshape(tf.identity(n), [-1, 1])
    return {"scaled": tft.scale_to_z_score(n)}
"""
"""The rows decide whether it raises, which they do on a worker."""


def refuse(row: int) -> None:
    raise DataError(f"row {row}", expected="an even number", seen="an odd one") from StorageError("disk")


def test_an_error_of_ours_is_the_same_here(arguments: list[str]) -> None:
    with pytest.raises(RuntimeError) as caught, beam.Pipeline(options=PipelineOptions(arguments)) as pipeline:
        pipeline | "Count" >> beam.Create([3]) | "Refuse" >> beam.Map(refuse)
    found = our_error(caught.value)
    assert (type(found), str(found)) == (DataError, "row 3; expected an even number; seen: an odd one")


@pytest.mark.parametrize("engine", ["flink", "spark"])
def test_an_own_function_that_refuses_a_row_is_told_with_its_place(engine: str, tmp_path: Path) -> None:
    rows = ({"_id": f"{i}", "n": i, "label": i % 3 == 0} for i in range(200))
    (tmp_path / "export.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "pipeline.yaml").write_text(DOCUMENT)
    (tmp_path / "features.py").write_text(FEATURES)
    done = subprocess.run(
        [*COMMAND, "run", "--to", "Transform", "--set", f"run.beam={{default: local, Transform: {engine}}}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4, done.stdout + done.stderr
    assert f"{tmp_path}/features.py:4, in preprocessing_fn" in done.stderr
    assert "assertion failed: [Condition x < y did not hold" in done.stderr
    logs = [file.name for one in ("flink", "spark") for file in tmp_path.glob(f".penstock/**/{one}-*-1.log")]
    assert logs == [f"{engine}-Transform-1.log"]  # the others ran here: each node has an engine of its own
