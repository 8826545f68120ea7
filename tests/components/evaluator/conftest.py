"""Rows and models that Evaluator is tried on, and Evaluator itself, each way."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

KINDS = ["high", "low", "mid"]
LABELS = {"binary": "kept", "multiclass": "kind", "regression": "minutes"}
OUTPUTS = {"binary": "probability", "multiclass": "probabilities", "regression": "prediction"}
METRICS = {
    "binary": ["auc", "auc_pr", "accuracy", "precision", "recall", "log_loss", "calibration", "mean_label"],
    "multiclass": ["accuracy", "log_loss", "top_3_accuracy", "recall", "f1"],
    "regression": ["mae", "rmse", "mean_prediction"],
}


def predict(x: Any, slope: float, constant: bool = False) -> dict[str, Any]:
    """Returns what a model says in each task; NumPy or TensorFlow, by what ``x`` is.

    The last bits of an answer depend on how many rows are asked for at once; rounded, they do not.
    """
    import tensorflow as tf

    x = x * 0.0 if constant else x
    edges = tf.stack([slope * x, -slope * x, 0.5 + tf.zeros_like(x)], axis=1)
    answers = {
        "probability": tf.sigmoid(slope * x + 0.1),
        "prediction": slope * x,
        "probabilities": tf.nn.softmax(edges),
    }
    return {name: tf.round(answer * 65536) / 65536 for name, answer in answers.items()}


def write_examples(folder: Path, rows: Sequence[Mapping[str, Sequence[Any]]], shards: int = 1) -> None:
    """Writes rows of feature → values as the test split of an Examples artifact."""
    import tensorflow as tf

    def feature(values: Sequence[Any]) -> Any:
        if not values or isinstance(values[0], bytes):
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
        if isinstance(values[0], int):
            return tf.train.Feature(int64_list=tf.train.Int64List(value=values))
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))

    (folder / "Split-test").mkdir(parents=True)
    for shard in range(shards):
        file = folder / "Split-test" / f"data_tfrecord-{shard:05}-of-{shards:05}.gz"
        with tf.io.TFRecordWriter(str(file), "GZIP") as writer:
            for row in rows[shard::shards]:
                features = tf.train.Features(feature={name: feature(v) for name, v in row.items()})
                writer.write(tf.train.Example(features=features).SerializeToString())


def write_model(folder: Path, task: str, slope: float, reads: str = "", references: bool = True) -> None:
    """Writes a model that reads ``x``, and ``reads`` (text) if named, with its references, as Trainer does."""
    import tensorflow as tf

    output = OUTPUTS[task]
    spec: dict[str, Any] = {"x": tf.io.FixedLenFeature([], tf.float32)}
    if reads:
        spec[reads] = tf.io.VarLenFeature(tf.string)

    class Served(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
        def serve(self, examples: Any) -> Any:
            parsed = tf.io.parse_example(examples, spec)
            x = parsed["x"]
            if reads:
                told = tf.sparse.to_dense(tf.sparse.reset_shape(parsed[reads], [tf.size(examples), 1]))
                x += tf.cast(told[:, 0] == "yes", tf.float32)
            return {output: predict(x, slope)[output]}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
        def refer(self, examples: Any) -> Any:
            x = tf.io.parse_example(examples, spec)["x"]
            return {"linear": predict(x, 1.0)[output], "constant": predict(x, 1.0, constant=True)[output]}

    one = Served()
    tf.saved_model.save(one, str(folder / "Format-Serving"), signatures={"serving_examples": one.serve})
    if references:
        tf.saved_model.save(
            one, str(folder / "Format-References"), signatures={"serving_examples": one.refer}
        )
    (folder / "Format-Serving" / "assets.extra").mkdir()
    (folder / "Format-Serving" / "assets.extra" / "classes.json").write_text(json.dumps(KINDS))


@pytest.fixture(scope="session")
def evaluate(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Returns a function that runs Evaluator's executor and returns the folder of the evaluation.

    Its arguments: the folder of the Examples, that of the model, the task, and by keyword ``baseline`` (folder of the
    last blessed model), ``way`` (``in process`` or ``Beam``), ``into`` (folder of the evaluation), ``metrics``,
    ``slices``, ``schema`` (its folder), ``group_by``.
    """
    from tfx.types import artifact_utils, standard_artifacts
    from tfx.types.channel_utils import as_channel

    from components.evaluation_gate.config import EvaluateConfig
    from components.evaluator import executor
    from components.evaluator.component import make_evaluator
    from pipeline.document.models import RunConfig
    from pipeline.engines.local import local_args

    root = tmp_path_factory.mktemp("evaluations")
    count = iter(range(10_000))

    def run(
        examples: Path,
        model: Path,
        task: str,
        *,
        baseline: Path | None = None,
        way: str = "in process",
        into: Path | None = None,
        metrics: Sequence[str] | None = None,
        slices: Sequence[Any] = ("country",),
        schema: Path | None = None,
        group_by: str = "_id",
    ) -> Path:
        into = into or root / str(next(count))
        found = standard_artifacts.Examples()
        found.uri, found.split_names = str(examples), artifact_utils.encode_split_names(["test"])
        found.set_string_custom_property("payload_format", "FORMAT_TF_EXAMPLE")
        found.set_string_custom_property("file_format", "tfrecords_gzip")
        inputs: dict[str, Any] = {"examples": [found]}
        for name, folder in (("model", model), ("baseline_model", baseline)):
            if folder:
                inputs[name] = [standard_artifacts.Model()]
                inputs[name][0].uri = str(folder)
        if schema:
            inputs["schema"] = [standard_artifacts.Schema()]
            inputs["schema"][0].uri = str(schema)
        outputs = {
            "evaluation": [standard_artifacts.ModelEvaluation()],
            "blessing": [standard_artifacts.ModelBlessing()],
        }
        outputs["evaluation"][0].uri, outputs["blessing"][0].uri = str(into), str(into) + "-blessing"
        config = EvaluateConfig(metrics=metrics or METRICS[task], slices=list(slices), gates="none")
        node = make_evaluator(
            config,
            LABELS[task],
            task,
            group_by=group_by,
            **{name: as_channel(one) for name, one in inputs.items()},
        )
        context = executor.Executor.Context(
            beam_pipeline_args=local_args(RunConfig()), tmp_dir=str(root / "tmp"), unique_id=str(next(count))
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(executor.in_process, "fits", lambda *_: way == "in process")
            executor.Executor(context).Do(
                inputs, outputs, {k: v for k, v in node.exec_properties.items() if v is not None}
            )
        return into

    return run


@pytest.fixture(scope="session")
def data() -> dict[str, np.ndarray]:
    """Columns of 600 rows."""
    rng = np.random.default_rng(11)
    x = rng.normal(size=600).astype(np.float32)
    return {
        "x": x,
        "kept": (x + rng.normal(size=600) > 0).astype(int),
        "kind": np.digitize(x + rng.normal(size=600) / 2, [-0.5, 0.5]),
        "minutes": (2 * x + rng.normal(size=600)).astype(np.float32),
        "country": rng.integers(0, 2, 600),
    }


def rows_of(data: Mapping[str, Any], **more: Callable[[int], Sequence[Any]]) -> list[dict[str, list[Any]]]:
    """Returns the columns as rows of feature → values; ``more`` makes further features by a row's number."""
    return [
        {
            "_id": [b"%d" % i],
            "x": [float(data["x"][i])],
            "minutes": [float(data["minutes"][i])],
            "kept": [int(data["kept"][i])],
            "kind": [[b"low", b"mid", b"high"][data["kind"][i]]],
            "country": [b"de" if data["country"][i] else b"fr"],
            **{name: list(make(i)) for name, make in more.items()},
        }
        for i in range(len(data["x"]))
    ]
