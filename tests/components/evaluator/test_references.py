"""The simple models beside a candidate: their metrics and the paired differences against a direct computation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

pytestmark = pytest.mark.component

ROWS = 600
METRICS = {
    "binary": ["auc", "accuracy", "log_loss"],
    "multiclass": ["accuracy", "log_loss"],
    "regression": ["mae", "rmse"],
}
LABELS = {"binary": "kept", "multiclass": "kind", "regression": "minutes"}
KINDS = ["high", "low", "mid"]


def predict(x: Any, slope: float, constant: bool = False) -> dict[str, Any]:
    """Returns what a model says in each task; NumPy or TensorFlow, by what ``x`` is."""
    import tensorflow as tf

    x = x * 0.0 if constant else x
    edges = tf.stack([slope * x, -slope * x, 0.5 + tf.zeros_like(x)], axis=1)
    return {
        "probability": tf.sigmoid(slope * x + 0.1),
        "prediction": slope * x,
        "probabilities": tf.nn.softmax(edges),
    }


@pytest.fixture(scope="module")
def data() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(11)
    x = rng.normal(size=ROWS).astype(np.float32)
    return {
        "x": x,
        "kept": (x + rng.normal(size=ROWS) > 0).astype(int),
        "kind": np.digitize(x + rng.normal(size=ROWS) / 2, [-0.5, 0.5]),
        "minutes": (2 * x + rng.normal(size=ROWS)).astype(np.float32),
        "country": rng.integers(0, 2, ROWS),
    }


def write_rows(data: dict[str, np.ndarray], file: Path) -> None:
    import tensorflow as tf

    file.parent.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(file), "GZIP") as writer:
        for i in range(ROWS):
            kind = ["low", "mid", "high"][data["kind"][i]].encode()
            features = {
                "_id": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"%d" % i])),
                "x": tf.train.Feature(float_list=tf.train.FloatList(value=[data["x"][i]])),
                "minutes": tf.train.Feature(float_list=tf.train.FloatList(value=[data["minutes"][i]])),
                "kept": tf.train.Feature(int64_list=tf.train.Int64List(value=[data["kept"][i]])),
                "kind": tf.train.Feature(bytes_list=tf.train.BytesList(value=[kind])),
                "country": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"de" if data["country"][i] else b"fr"])),
            }  # fmt: skip
            writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())


def write_model(folder: Path, slope: float, task: str) -> None:
    """Writes a model and its references as Trainer does."""
    import tensorflow as tf

    output = {"binary": "probability", "multiclass": "probabilities", "regression": "prediction"}[task]

    def parsed(examples: Any) -> Any:
        return tf.io.parse_example(examples, {"x": tf.io.FixedLenFeature([], tf.float32)})["x"]

    class Served(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
        def serve(self, examples: Any) -> Any:
            return {output: predict(parsed(examples), slope)[output]}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
        def refer(self, examples: Any) -> Any:
            x = parsed(examples)
            return {"linear": predict(x, 1.0)[output], "constant": predict(x, 1.0, constant=True)[output]}

    one = Served()
    tf.saved_model.save(one, str(folder / "Format-Serving"), signatures={"serving_examples": one.serve})
    tf.saved_model.save(one, str(folder / "Format-References"), signatures={"serving_examples": one.refer})
    (folder / "Format-Serving" / "assets.extra").mkdir()
    (folder / "Format-Serving" / "assets.extra" / "classes.json").write_text(json.dumps(KINDS))


@pytest.fixture(scope="module")
def evaluated(data, tmp_path_factory):
    """Runs the stock Evaluator, next to a blessed model; task → its slices."""
    from tfx.components.evaluator.executor import Executor
    from tfx.types import artifact_utils, standard_artifacts
    from tfx.types.channel_utils import as_channel

    from components.evaluation_gate.config import EvaluateConfig
    from components.evaluation_gate.measurements import read_evaluation
    from components.evaluator.component import make_evaluator
    from pipeline.document.models import RunConfig
    from pipeline.runners.beam import beam_args

    root = tmp_path_factory.mktemp("evaluated")
    write_rows(data, root / "examples" / "Split-test" / "data_tfrecord-00000-of-00001.gz")
    examples = standard_artifacts.Examples()
    examples.uri, examples.split_names = str(root / "examples"), artifact_utils.encode_split_names(["test"])
    examples.set_string_custom_property("payload_format", "FORMAT_TF_EXAMPLE")
    examples.set_string_custom_property("file_format", "tfrecords_gzip")

    def run(task: str) -> Any:
        inputs: dict[str, Any] = {"examples": [examples]}
        for name, slope in (("model", 2.0), ("baseline_model", 0.5)):
            write_model(root / task / name, slope, task)
            model = standard_artifacts.Model()
            model.uri = str(root / task / name)
            inputs[name] = [model]
        outputs = {
            "evaluation": [standard_artifacts.ModelEvaluation()],
            "blessing": [standard_artifacts.ModelBlessing()],
        }
        for name, made in outputs.items():
            made[0].uri = str(root / task / name)
        config = EvaluateConfig(metrics=METRICS[task], slices=["country"], gates="none")
        channels = {name: as_channel(found) for name, found in inputs.items()}
        node = make_evaluator(config, LABELS[task], task, **channels)
        executor = Executor(
            Executor.Context(
                beam_pipeline_args=beam_args(RunConfig()), tmp_dir=str(root / "tmp"), unique_id=task
            )
        )
        executor.Do(inputs, outputs, {k: v for k, v in node.exec_properties.items() if v is not None})
        return read_evaluation(outputs["evaluation"][0].uri)

    return {task: run(task) for task in METRICS}


def by_row(task: str, data: dict[str, np.ndarray], slope: float, constant: bool) -> dict[str, Any]:
    """Returns metric → [rows] whose mean it is; the squared error for ``rmse``."""
    said = {name: np.asarray(value) for name, value in predict(data["x"], slope, constant).items()}
    if task == "binary":
        p, y = said["probability"], data["kept"]
        return {"accuracy": (p > 0.5) == y, "log_loss": -np.log(np.where(y, p, 1 - p)), "auc": p}
    if task == "multiclass":
        p, y = said["probabilities"], np.array([1, 2, 0])[data["kind"]]
        return {"accuracy": p.argmax(axis=1) == y, "log_loss": -np.log(p[np.arange(ROWS), y])}
    error = said["prediction"] - data["minutes"]
    return {"mae": np.abs(error), "rmse": error**2}


def directly(
    task: str, metric: str, data: dict[str, np.ndarray], slope: float, constant: bool, rows: Any
) -> float:
    values = by_row(task, data, slope, constant)[metric][rows]
    if metric == "auc":
        return float(roc_auc_score(data["kept"][rows], values))
    return float(np.sqrt(values.mean()) if metric == "rmse" else values.mean())


@pytest.mark.parametrize("task", METRICS)
def test_values_and_paired_differences_are_those_of_a_direct_computation(task, evaluated, data) -> None:
    where = {
        "overall": np.arange(ROWS),
        "country=de": np.flatnonzero(data["country"]),
        "country=fr": np.flatnonzero(1 - data["country"]),
    }
    assert {result.name for result in evaluated[task]} == set(where)
    for result in evaluated[task]:
        rows = where[result.name]
        for metric in METRICS[task]:
            own = directly(task, metric, data, 2.0, False, rows)
            assert result.candidate[metric].value == pytest.approx(own, abs=1e-5)
            for name, constant in (("linear", False), ("constant", True)):
                wanted = directly(task, metric, data, 1.0, constant, rows)
                assert result.references[name][metric].value == pytest.approx(wanted, abs=1e-5)
                assert result.gains[name][metric].value == pytest.approx(own - wanted, abs=1e-5)
        assert result.baseline and result.change


@pytest.mark.parametrize(
    ("task", "metric"), [("binary", "accuracy"), ("multiclass", "accuracy"), ("regression", "mae")]
)
def test_the_error_of_a_difference_is_that_of_the_differences_by_row(task, metric, evaluated, data) -> None:
    own, linear = (by_row(task, data, slope, False)[metric].astype(float) for slope in (2.0, 1.0))
    gain = evaluated[task][0].gains["linear"][metric]
    assert gain.freedom > 100
    assert gain.error == pytest.approx((own - linear).std(ddof=1) / np.sqrt(ROWS), rel=0.15)
    assert gain.low < gain.value < gain.high


def test_a_model_of_an_older_trainer_has_no_references(tmp_path) -> None:
    from components.evaluator.module import references_beside

    (tmp_path / "Format-Serving").mkdir()
    assert references_beside(str(tmp_path / "Format-Serving")) == []
