"""Our batch-wise metrics against TFMA's own on the same rows, through the stock Evaluator's extractor and writers."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytestmark = pytest.mark.component

ROWS = 400


@pytest.fixture(scope="module")
def examples():
    import tensorflow as tf

    rng = np.random.default_rng(4)
    result = []
    for i in range(ROWS):
        x = float(rng.normal())
        values = {
            "_id": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"%d" % i])),
            "x": tf.train.Feature(float_list=tf.train.FloatList(value=[x])),
            "kind": tf.train.Feature(bytes_list=tf.train.BytesList(value=[[b"low", b"mid", b"high"][int(x > -0.5) + int(x > 0.5)]])),
            "kept": tf.train.Feature(int64_list=tf.train.Int64List(value=[int(x + rng.normal() > 0)])),
        }  # fmt: skip
        if i % 50 == 0:
            del values["kept"], values["kind"]
        result.append(tf.train.Example(features=tf.train.Features(feature=values)).SerializeToString())
    return result


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    import tensorflow as tf

    class Served(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
        def serve(self, examples):
            x = tf.io.parse_example(examples, {"x": tf.io.FixedLenFeature([], tf.float32)})["x"]
            edges = tf.stack([-x, tf.zeros_like(x), x], axis=1)
            return {"probability": tf.sigmoid(x), "prediction": x, "probabilities": tf.nn.softmax(2 * edges)}

    folder = tmp_path_factory.mktemp("model")
    served = Served()
    tf.saved_model.save(served, str(folder), signatures={"serving_examples": served.serve})
    (folder / "assets.extra").mkdir()
    (folder / "assets.extra" / "classes.json").write_text(json.dumps(["low", "mid", "high"]))
    return str(folder)


def evaluate(folder, examples, model, task, label, metrics, own=None):
    """Runs TFMA over the examples; returns the metrics of the overall slice."""
    import apache_beam as beam
    import tensorflow_model_analysis as tfma
    from google.protobuf import json_format
    from tfx_bsl.tfxio import tf_example_record

    from components.evaluation_gate.config import EvaluateConfig
    from components.evaluator import module
    from components.evaluator.component import evaluation_config

    config = evaluation_config(EvaluateConfig(metrics=metrics, slices=["kind"], gates="none"), label, task)
    shared = module.custom_eval_shared_model(model, "", config)
    tfxio = tf_example_record.TFExampleBeamRecord(["test"], raw_record_column_name=tfma.ARROW_INPUT_COLUMN)
    extractors = module.custom_extractors(shared, config)
    if own:
        config = json_format.ParseDict(own, tfma.EvalConfig())
        config.options.include_default_metrics.value = False
        shared, extractors = module.custom_eval_shared_model(model, "", config), None
    with beam.Pipeline("FnApiRunner") as pipeline:
        _ = (
            pipeline
            | beam.Create(examples)
            | tfxio.BeamSource()
            | tfma.ExtractEvaluateAndWriteResults(
                eval_shared_model=shared, eval_config=config, extractors=extractors, output_path=str(folder)
            )
        )
    records = [r for r in tfma.load_metrics(str(folder)) if not r.slice_key.single_slice_keys]
    return {m.key.name: m.value.double_value.value for m in records[0].metric_keys_and_values}


STOCK = {
    "auc": "AUC",
    "auc_pr": "AUCPrecisionRecall",
    "accuracy": "BinaryAccuracy",
    "precision": "Precision",
    "recall": "Recall",
    "log_loss": "BinaryCrossEntropy",
    "calibration": "Calibration",
    "mean_label": "MeanLabel",
    "mean_prediction": "MeanPrediction",
}


def test_binary_metrics_equal_tfmas_own(tmp_path, examples, model):
    labelled = [one for i, one in enumerate(examples) if i % 50]
    ours = evaluate(tmp_path / "a", labelled, model, "binary", "kept", list(STOCK))
    spec = {
        "signature_name": "serving_examples",
        "label_key": "kept",
        "prediction_key": "probability",
        "model_type": "tf_generic",
    }
    metrics = [
        {"class_name": name, "config": json.dumps({"name": ours_name})} for ours_name, name in STOCK.items()
    ]
    own = {"model_specs": [spec], "metrics_specs": [{"metrics": metrics}], "slicing_specs": [{}]}
    theirs = evaluate(tmp_path / "b", labelled, model, "binary", "kept", ["auc"], own)
    # TFMA's ranking metrics interpolate between 10,000 thresholds.
    assert {n: ours[n] for n in STOCK} == pytest.approx({n: theirs[n] for n in STOCK}, abs=2e-3)


def test_rows_without_label_are_counted_and_left_out(tmp_path, examples, model):
    found = evaluate(tmp_path, examples, model, "binary", "kept", ["accuracy"])
    assert (found["example_count"], found["rows_without_label"]) == (ROWS - 8, 8)


def test_multiclass_label_is_looked_up_in_the_models_classes(tmp_path, examples, model):
    found = evaluate(
        tmp_path, examples, model, "multiclass", "kind", ["accuracy", "top_3_accuracy", "log_loss"]
    )
    assert found["top_3_accuracy"] == 1
    assert 0.6 < found["accuracy"] < 0.8


def test_each_class_is_measured_by_its_name(tmp_path, examples, model):
    found = evaluate(tmp_path, examples, model, "multiclass", "kind", ["recall", "f1"])
    of_classes = [found[f"recall[{name}]"] for name in ("low", "mid", "high")]
    assert found["recall"] == pytest.approx(np.mean(of_classes))
    assert {name for name in found if name.startswith("f1[") and "/" not in name} == {
        "f1[low]",
        "f1[mid]",
        "f1[high]",
    }


def test_regression_is_compared_with_the_numeric_label(tmp_path, examples, model):
    found = evaluate(tmp_path, examples, model, "regression", "x", ["rmse", "mae"])
    assert found["rmse"] == pytest.approx(0, abs=1e-6)
