from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from components.evaluator import comparable
from components.evaluator.comparable import Need, Sight, look, why_not

NEEDS = {"age": Need("int", False), "country": Need("text", False), "price": Need("float", True)}


def batch(**columns):
    kinds = {"age": pa.int64(), "country": pa.binary(), "price": pa.float32()}
    return pa.RecordBatch.from_pydict({k: pa.array(v, pa.list_(kinds[k])) for k, v in columns.items()})


WHOLE = {"age": [[1], None], "country": [[b"de"], [b"fr"]], "price": [[1.0], [2.0]]}


def test_rows_with_everything_a_model_reads_are_fit():
    sight = look(batch(**WHOLE), NEEDS)
    assert (sight.retyped, sight.unseen, sight.failing) == ({}, frozenset(), frozenset())
    assert why_not(sight, NEEDS, (), 1000) == ""


@pytest.mark.parametrize("gone", [{}, {"country": [None, None]}, {"country": [[], []]}])
def test_a_feature_without_a_value_is_told_whether_its_column_is_there_or_not(gone):
    sight = look(batch(**{k: v for k, v in WHOLE.items() if k != "country"}, **gone), NEEDS)
    assert why_not(sight, NEEDS, (), 1000) == "it reads country, which no row has"
    assert sight.usable


def test_a_feature_of_another_type_is_told_and_the_model_not_asked():
    rows = pa.RecordBatch.from_pydict(
        {
            "age": pa.array([[b"12"], [b"13"]], pa.list_(pa.binary())),
            "country": pa.array([[7], [8]], pa.list_(pa.int64())),
            "price": pa.array([[1.0], [2.0]], pa.list_(pa.float32())),
        }
    )
    sight = look(rows, NEEDS)
    assert not sight.usable
    assert (
        why_not(sight, NEEDS, (), 1000)
        == "it reads age as whole numbers, now text; country as text, now whole numbers"
    )


def test_a_required_feature_that_some_rows_lack_is_told():
    sight = look(batch(**{**WHOLE, "price": [[1.0], None]}), NEEDS)
    assert not sight.usable
    assert why_not(sight, NEEDS, (), 1000) == "it reads price, which some rows lack"


def test_a_value_in_any_batch_is_enough():
    without = look(batch(**{**WHOLE, "country": [None, None]}), NEEDS)
    assert why_not(without + look(batch(**WHOLE), NEEDS), NEEDS, (), 4) == ""


def test_a_rare_feature_that_both_models_read_may_be_missing_from_few_rows():
    sight = Sight(unseen=frozenset({"country"}))
    assert why_not(sight, NEEDS, {"country"}, 100) == ""
    assert why_not(sight, NEEDS, {"country"}, comparable.FEW_ROWS) != ""
    assert why_not(sight, NEEDS, (), 100) != ""


def test_the_last_blessed_models_recorded_values_stand_in_for_it():
    from components.evaluation_gate.judge import with_recorded
    from components.evaluation_gate.measured import Measured, SliceResult
    from components.evaluation_gate.result import Metric, Verdict

    rows = [
        SliceResult(
            name, name, 100, 0, {"auc": Measured(0.9)}, incomparable="it reads country, which no row has"
        )
        for name in ("overall", "plan=pro")
    ]
    verdict = Verdict(True, metrics=(Metric("auc", "overall", 0.95, 0.93, 0.96, error=0.01, freedom=19),))
    whole, part = with_recorded(rows, verdict)
    assert whole.recorded == {"auc": Measured(0.95, 0.93, 0.96, 0.01, 19)}
    assert part.recorded == {}
    assert with_recorded(rows, None) == rows


@pytest.mark.component
class TestThroughTFMA:
    """A blessed model that reads x and kind, beside a new one that reads x alone."""

    ROWS = 400

    @pytest.fixture(scope="class")
    def models(self, tmp_path_factory):
        import tensorflow as tf

        def exported(name, reads_kind):
            class Served(tf.Module):
                @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
                def serve(self, examples):
                    spec = {"x": tf.io.VarLenFeature(tf.float32)}
                    if reads_kind:
                        spec["kind"] = tf.io.VarLenFeature(tf.string)
                    parsed = tf.io.parse_example(examples, spec)
                    score = tf.sparse.to_dense(parsed["x"])[:, 0]
                    if reads_kind:
                        told = tf.sparse.to_dense(
                            tf.sparse.reset_shape(parsed["kind"], [tf.size(examples), 1])
                        )
                        score += 3 * tf.cast(told[:, 0] == "yes", tf.float32)
                    return {"probability": tf.sigmoid(score)}

            folder = tmp_path_factory.mktemp(name)
            served = Served()
            tf.saved_model.save(served, str(folder), signatures={"serving_examples": served.serve})
            return str(folder)

        return {"candidate": exported("new", False), "baseline": exported("old", True)}

    def evaluated(self, folder, models, kind):
        """Returns the results of both models on rows whose ``kind`` is made by a function of the row's label."""
        import apache_beam as beam
        import tensorflow as tf
        import tensorflow_model_analysis as tfma
        from tfx_bsl.tfxio import tf_example_record

        from components.evaluation_gate.config import EvaluateConfig
        from components.evaluation_gate.measurements import read_evaluation
        from components.evaluator import module
        from components.evaluator.component import evaluation_config

        rng = np.random.default_rng(4)
        examples = []
        for i in range(self.ROWS):
            example = tf.train.Example()
            label = int(rng.random() < 0.5)
            example.features.feature["_id"].bytes_list.value.append(b"%d" % i)
            example.features.feature["x"].float_list.value.append(rng.normal() + label)
            example.features.feature["y"].int64_list.value.append(label)
            example.features.feature["part"].bytes_list.value.append(b"ab"[i % 2 : i % 2 + 1])
            kind(example.features.feature, label)
            examples.append(example.SerializeToString())
        measured = EvaluateConfig(metrics=["auc", "accuracy"], slices=["part"], gates="none")
        config = tfma.utils.update_eval_config_with_defaults(
            evaluation_config(measured, "y", "binary"), has_baseline=True
        )
        shared = [module.custom_eval_shared_model(path, name, config) for name, path in models.items()]
        source = tf_example_record.TFExampleBeamRecord(["t"], raw_record_column_name=tfma.ARROW_INPUT_COLUMN)
        with beam.Pipeline("FnApiRunner") as pipeline:
            _ = (
                pipeline
                | beam.Create(examples)
                | source.BeamSource()
                | tfma.ExtractEvaluateAndWriteResults(
                    eval_shared_model=shared,
                    eval_config=config,
                    extractors=module.custom_extractors(shared, config),
                    output_path=str(folder),
                )
            )
        return read_evaluation(str(folder))

    def test_a_model_that_still_finds_what_it_reads_is_compared(self, tmp_path, models):
        def kind(features, label):
            features["kind"].bytes_list.value.append(b"yes" if label else b"no")

        whole, *parts = self.evaluated(tmp_path, models, kind)
        assert whole.incomparable == "" and whole.baseline["auc"].value > 0.95
        change = whole.change["auc"]
        assert change.high < 0 and change.freedom == 19 and change.error > 0
        assert len(parts) == 2 and all(part.change for part in parts)
        assert (whole.groups, whole.positives + whole.negatives) == (self.ROWS, self.ROWS)

    def test_a_model_whose_feature_is_gone_is_not_scored_without_it(self, tmp_path, models):
        results = self.evaluated(tmp_path, models, lambda features, label: None)
        assert {r.incomparable for r in results} == {"it reads kind, which no row has"}
        assert not any(r.baseline or r.change for r in results)
        assert results[0].candidate["auc"].low < results[0].candidate["auc"].value

    def test_a_model_whose_feature_has_another_type_is_not_asked(self, tmp_path, models):
        results = self.evaluated(
            tmp_path, models, lambda features, label: features["kind"].int64_list.value.append(label)
        )
        assert {r.incomparable for r in results} == {"it reads kind as text, now whole numbers"}
        assert not any(r.baseline or r.change for r in results)

    def test_what_a_model_reads_is_found_in_its_graph(self, models):
        assert comparable.needs(models["baseline"]) == {
            "x": Need("float", False),
            "kind": Need("text", False),
        }
