"""From raw Examples and an exported model to verdict, push and predictions, through TFX's own launcher."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.document.models import RunConfig
from pipeline.engines.local import local_args

pytestmark = pytest.mark.component


@pytest.fixture(scope="module", autouse=True)
def _tensorflow() -> None:
    """Imports TensorFlow when the first test runs, not when pytest collects: unit tests do not need it."""
    global tf
    import tensorflow as tf


LABEL = "retained"


def feature(value):
    if isinstance(value, int):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
    if isinstance(value, float):
        return tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))


def learner(rng, number, shift=0.0):
    """Returns one document: lessons decide whether a learner comes back; age is sometimes missing."""
    lessons = int(rng.integers(0, 50))
    document = {"_id": f"{number:024x}", "lessons": lessons, "minutes": float(rng.normal(30 + shift, 5))}
    document["country"] = str(rng.choice(["de", "fr", "us"], p=[0.5 - shift / 100, 0.3, 0.2 + shift / 100]))
    if rng.random() < 0.8:
        document["age"] = float(rng.normal(30, 8))
    document[LABEL] = int(rng.random() < 1 / (1 + np.exp(-(lessons - 25) / 6)))
    return document


def write_split(folder: Path, split: str, documents) -> None:
    target = folder / f"Split-{split}"
    target.mkdir(parents=True)
    options = tf.io.TFRecordOptions(compression_type="GZIP")
    with tf.io.TFRecordWriter(str(target / "data_tfrecord-00000-of-00001.gz"), options) as writer:
        for document in documents:
            features = {name: feature(value) for name, value in document.items()}
            example = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(example.SerializeToString())


def write_examples(folder: Path, seed=0, shift=0.0) -> Path:
    rng = np.random.default_rng(seed)
    sizes = {"train": 900, "validation": 150, "test": 600, "all": 40}
    for split, size in sizes.items():
        write_split(folder, split, [learner(rng, i, shift) for i in range(size)])
    return folder


def logistic(slope) -> Any:
    """Returns a served model of one feature, with the signature that the Trainer exports."""

    class Logistic(tf.Module):
        """A served model of one feature, with the signature that the Trainer exports."""

        def __init__(self, slope):
            super().__init__()
            self.slope = tf.Variable(float(slope))

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
        def serve(self, examples):
            lessons = tf.io.parse_example(examples, {"lessons": tf.io.VarLenFeature(tf.int64)})["lessons"]
            return {
                "probability": tf.sigmoid(
                    self.slope * (tf.cast(tf.sparse.to_dense(lessons)[:, 0], tf.float32) - 25)
                )
            }

    return Logistic(slope)


def write_model(folder: Path, slope) -> Path:
    model = logistic(slope)
    tf.saved_model.save(model, str(folder / "Format-Serving"), signatures={"serving_examples": model.serve})
    return folder


class Chain:
    """The nodes from statistics to push over given artifacts, run by TFX on one metadata store."""

    def __init__(self, root: Path, examples: Path, before: Path):
        self.root, self.examples, self.before = root, examples, before
        self.runs = 0

    def nodes(self, model: Path, validate=None, gates=None):
        from tfx.components import DistributionValidator, ExampleValidator, StatisticsGen
        from tfx.dsl.components.common.importer import Importer
        from tfx.dsl.components.common.resolver import Resolver
        from tfx.types import Channel
        from tfx.types import standard_artifacts as kinds

        from components.bulk_inferrer.component import BulkInferrer
        from components.bulk_inferrer.config import InferConfig
        from components.evaluation_gate.component import EvaluationGate
        from components.evaluation_gate.config import EvaluateConfig
        from components.evaluator.component import make_evaluator
        from components.pusher.component import Pusher
        from components.pusher.config import PushConfig
        from components.resolvers.strategies import BlessedBeforeStrategy
        from components.schema_gen.component import SchemaInferrer
        from components.validation_gate.component import ValidationGate
        from components.validation_gate.config import ValidateConfig
        from components.validation_gate.distances import distribution_config

        validate = ValidateConfig.model_validate(
            validate or {"drift": {"country": {"l_infinity": 0.5}, "minutes": {"jensen_shannon": 1.0}}}
        )
        evaluate = EvaluateConfig(
            metrics=["auc", "log_loss", "calibration"],
            slices=["country", "age_group"],
            gates=gates
            or {
                "auc": {"at_least": 0.7, "not_worse_than_blessed_by": 0.01, "slices": ["overall", "country"]}
            },
        )
        splits = {"split_names": '["train", "validation", "test", "all"]'}

        def examples(name, folder):
            node = Importer(source_uri=str(folder), artifact_type=kinds.Examples, properties=splits)
            return node.with_id(name)

        raw = examples("Raw", self.examples)
        old = examples("Before", self.before)
        trained = Importer(source_uri=str(model), artifact_type=kinds.Model, reimport=True).with_id("Model")
        statistics = StatisticsGen(examples=raw.outputs["result"])
        before = StatisticsGen(examples=old.outputs["result"]).with_id("StatisticsBefore")
        schema = SchemaInferrer(statistics=statistics.outputs["statistics"], label=LABEL, arrays=[])
        validator = ExampleValidator(
            statistics=statistics.outputs["statistics"], schema=schema.outputs["schema"]
        )
        drift = DistributionValidator(
            statistics=statistics.outputs["statistics"],
            baseline_statistics=before.outputs["statistics"],
            config=distribution_config(validate.drift),
            include_split_pairs=[("train", "train")],
        )
        gate = ValidationGate(
            config=validate,
            settings={"label": LABEL, "task": "binary", "positive": None, "recorded_at": None},
            examples=raw.outputs["result"], statistics=statistics.outputs["statistics"],
            schema=schema.outputs["schema"], anomalies=validator.outputs["anomalies"],
            drift_anomalies=drift.outputs["anomalies"],
            previous_examples=old.outputs["result"],
        )  # fmt: skip
        baseline = Resolver(
            strategy_class=BlessedBeforeStrategy, candidate=trained.outputs["result"],
            model=Channel(type=kinds.Model), model_blessing=Channel(type=kinds.ModelBlessing),
        ).with_id("BaselineModel")  # fmt: skip
        evaluator = make_evaluator(
            config=evaluate, label=LABEL, task="binary", examples=raw.outputs["result"],
            model=trained.outputs["result"], baseline_model=baseline.outputs["model"], schema=schema.outputs["schema"],
        )  # fmt: skip
        evaluator.add_upstream_node(gate)
        verdict = EvaluationGate(
            config=evaluate, task="binary", evaluation=evaluator.outputs["evaluation"],
            model=trained.outputs["result"], baseline_model=baseline.outputs["model"],
        )  # fmt: skip
        blessed = {"model": trained.outputs["result"], "blessing": verdict.outputs["blessing"]}
        pusher = Pusher(config=PushConfig(to="serving"), base_folder=str(self.root), **blessed)
        infer = BulkInferrer(
            config=InferConfig(mongo_export="x", to="out"), base_folder=str(self.root), pushed_to="serving",
            examples=raw.outputs["result"], **blessed,
        )  # fmt: skip
        infer.add_upstream_node(pusher)
        return [
            raw,
            old,
            trained,
            statistics,
            before,
            schema,
            validator,
            drift,
            gate,
            baseline,
            evaluator,
            verdict,
            pusher,
            infer,
        ]

    def run(self, model: Path, **settings) -> dict[str, Path]:
        """Runs all nodes; returns the folder of each output of this run by name."""
        from tfx.orchestration import metadata
        from tfx.orchestration.local.local_dag_runner import LocalDagRunner
        from tfx.orchestration.pipeline import Pipeline

        self.runs += 1
        connection = metadata.sqlite_metadata_connection_config(str(self.root / "metadata.db"))
        LocalDagRunner().run(
            Pipeline(
                pipeline_name="chain",
                pipeline_root=str(self.root / "artifacts"),
                components=self.nodes(model, **settings),
                enable_cache=True,
                metadata_connection_config=connection,
                beam_pipeline_args=local_args(RunConfig()),
            )
        )
        return {
            name: self.newest(name)
            for name in ("EvaluationGate/verdict", "ValidationGate/report", "Pusher/pushed_model")
        }

    def newest(self, output: str) -> Path:
        return max((self.root / "artifacts" / output).iterdir(), key=lambda p: int(p.name))


def read(folder: Path, name: str):
    return json.loads((folder / name).read_text())


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    root = tmp_path_factory.mktemp("chain")
    return {
        "root": root,
        "chain": Chain(root, write_examples(root / "examples"), write_examples(root / "before", 1, shift=25)),
        "good": write_model(root / "good", 1 / 6),
        "bad": write_model(root / "bad", -1 / 6),
    }


@pytest.fixture(scope="module")
def first(places):
    return places["chain"].run(places["good"])


@pytest.fixture(scope="module")
def second(places, first):
    return places["chain"].run(places["bad"])


def test_first_run_passes_the_schema_it_inferred(first):
    report = read(first["ValidationGate/report"], "report.json")
    assert report["anomalies"] == report["warnings"] == report["leakage"] == []


def test_inferred_schema_has_environments_and_does_not_constrain_ids(places, first):
    from pipeline.schemas import infer, read_schema

    schema = read_schema(places["chain"].newest("SchemaInferrer/schema") / "schema.pbtxt")
    by_name = {feature.name: feature for feature in schema.feature}
    assert list(schema.default_environment) == ["TRAINING", "SERVING"]
    assert list(by_name[LABEL].not_in_environment) == ["SERVING"]
    assert by_name["_id"].WhichOneof("domain_info") is None
    assert 0.55 < by_name["age"].presence.min_fraction < 0.8
    assert by_name["country"].distribution_constraints.min_domain_mass == 0.95
    assert infer(places["chain"].newest("StatisticsGen/statistics"), LABEL) == schema


def test_drift_is_measured_with_numbers_and_formula(first):
    country, minutes = read(first["ValidationGate/report"], "report.json")["drift"]
    assert country["value"] == pytest.approx(0.25, abs=0.06)
    assert "value's share" in country["formula"]
    assert minutes["value"] > 0.5
    assert "Jensen-Shannon" in minutes["formula"]


def test_verdict_has_gates_slices_and_intervals(first):
    verdict = read(first["EvaluationGate/verdict"], "verdict.json")
    assert verdict["blessed"]
    assert "there is no blessed model yet" in verdict["sentence"]
    rows = {(row["metric"], row["slice"]): row for row in verdict["metrics"]}
    auc = rows["auc", "overall"]
    assert auc["low"] < auc["value"] < auc["high"]
    assert (
        auc["rows"]
        == 600
        == sum(r["rows"] for (m, s), r in rows.items() if m == "auc" and s.startswith("country="))
    )
    assert rows["auc", "age_group=(missing)"]["rows"] == 600


def test_metrics_equal_those_of_scikit_learn(places, first):
    from sklearn.metrics import roc_auc_score

    file = str(places["root"] / "examples" / "Split-test" / "data_tfrecord-00000-of-00001.gz")
    examples = [
        tf.train.Example.FromString(r) for r in tf.data.TFRecordDataset(file, "GZIP").as_numpy_iterator()
    ]
    labels = [e.features.feature[LABEL].int64_list.value[0] for e in examples]
    scores = [e.features.feature["lessons"].int64_list.value[0] for e in examples]
    verdict = read(first["EvaluationGate/verdict"], "verdict.json")
    found = next(r for r in verdict["metrics"] if (r["metric"], r["slice"]) == ("auc", "overall"))
    # Equal inputs may differ in the last bit after a vectorised sigmoid, so ties may break.
    assert found["value"] == pytest.approx(roc_auc_score(labels, scores), abs=1e-3)


def test_blessed_model_is_pushed_and_predicts_every_document(places, first):
    from components.pusher.versions import versions

    assert read(first["Pusher/pushed_model"], "pushed.json")["pushed"]
    assert (versions(places["root"] / "serving")[0].path / "saved_model.pb").is_file()
    lines = (places["root"] / "out" / "predictions.jsonl").read_text().splitlines()
    assert [json.loads(line)["_id"] for line in lines] == [f"{i:024x}" for i in range(40)]
    assert all(0 < json.loads(line)["probability"] < 1 for line in lines)


def test_version_and_run_are_beside_the_predictions(places, first):
    from components.bulk_inferrer.result import Predictions
    from components.pusher.versions import versions

    about = Predictions.read(places["root"] / "out")
    kept = Predictions.read(places["chain"].newest("BulkInferrer/predictions"))
    assert dataclasses.replace(kept, left=about.left) == about
    assert [Path(one.path).name for one in kept.left] == ["predictions.jsonl", "predictions.json"]
    assert (about.rows, about.outputs, about.id_types) == (40, ("probability",), {"string": 40})
    assert about.model.path == str(places["good"])
    assert about.model.version == versions(places["root"] / "serving")[0].number
    assert about.run and about.model.run == about.run


def test_an_unblessed_model_predicts_nothing_and_the_earlier_predictions_stay(places, second):
    from components.bulk_inferrer.result import Predictions

    refused = Predictions.read(places["chain"].newest("BulkInferrer/predictions"))
    assert (refused.predicted, refused.why, refused.withheld) == (
        False, ("the model is not blessed",), "nothing predicted",
    )  # fmt: skip
    assert Predictions.read(places["root"] / "out").model.path == str(places["good"])


def test_worse_model_is_compared_with_the_blessed_one_and_not_pushed(places, first, second):
    from components.pusher.result import PushResult
    from components.pusher.versions import versions

    verdict = read(second["EvaluationGate/verdict"], "verdict.json")
    assert not verdict["blessed"]
    overall = next(r for r in verdict["metrics"] if (r["metric"], r["slice"]) == ("auc", "overall"))
    assert overall["baseline"] > 0.8 > overall["value"]
    assert overall["change"]["value"] == pytest.approx(overall["value"] - overall["baseline"])
    assert {(c["outcome"], c["slice"]) for c in verdict["gates"]} >= {
        ("fails", "overall"),
        ("fails", "country=de"),
    }
    pushed = PushResult.read(second["Pusher/pushed_model"])
    assert pushed == PushResult(pushed=False, why=("the model is not blessed",))
    assert len(versions(places["root"] / "serving")) == 1


def test_blessing_is_in_the_form_tfx_looks_for(places, second):
    from ml_metadata.metadata_store import metadata_store
    from tfx.orchestration import metadata

    store = metadata_store.MetadataStore(
        metadata.sqlite_metadata_connection_config(str(places["root"] / "metadata.db"))
    )
    blessings = store.get_artifacts_by_type("ModelBlessing")
    given = sorted(
        (b.id, b.custom_properties["blessed"].int_value, b.uri)
        for b in blessings
        if "blessed" in b.custom_properties
    )
    assert [blessed for _, blessed, _ in given] == [1, 0]
    assert [sorted(p.name for p in Path(uri).iterdir()) for *_, uri in given] == [
        ["BLESSED"],
        ["NOT_BLESSED"],
    ]
    models = {m.id: m.uri for m in store.get_artifacts_by_type("Model")}
    current = {
        b.custom_properties["current_model_id"].int_value
        for b in blessings
        if "blessed" in b.custom_properties
    }
    assert {models[one] for one in current} == {str(places["good"]), str(places["bad"])}


def test_drift_beyond_its_limit_stops_the_run_and_reports_the_distance(places, second):
    from foundation.errors import AnomalyError

    with pytest.raises(AnomalyError, match=r"drift in country: expected a distance of at most 0\.05"):
        places["chain"].run(places["good"], validate={"drift": {"country": {"l_infinity": 0.05}}})


def test_l_infinity_of_a_number_is_refused(places, second):
    from foundation.errors import DataError

    with pytest.raises(DataError, match="expected text for l_infinity"):
        places["chain"].run(places["good"], validate={"drift": {"minutes": {"l_infinity": 0.05}}})


def test_test_is_compared_with_train_and_only_warns(places, second):
    validate = {"train_test": {"minutes": {"jensen_shannon": 1e-6}}, "on_anomaly": "warn"}
    done = places["chain"].run(places["good"], validate=validate)
    report = read(done["ValidationGate/report"], "report.json")
    assert report["anomalies"] == []
    row = report["train_test"][0]
    # Both splits are drawn alike: what was measured is what equal data give, and the report says so.
    assert 0 < row["value"] < 2 * row["usual"]
    assert (row["outcome"], row["rows"], row["reference_rows"]) == ("beyond bound", 600, 900)
    assert "equal data exceed this bound too" in row["note"]
    assert "train/test in minutes" in report["warnings"][0]["message"]


def test_calibrated_drift_finds_what_moved_and_not_what_did_not(places, second):
    names = ("country", "minutes", "lessons", "age")
    validate = {"drift": dict.fromkeys(names, "calibrated"), "on_anomaly": "warn"}
    done = places["chain"].run(places["good"], validate=validate)
    rows = {row["feature"]: row for row in read(done["ValidationGate/report"], "report.json")["drift"]}
    assert set(rows) == set(names)
    assert {name for name, row in rows.items() if row["outcome"] == "beyond bound"} == {"country", "minutes"}
    assert {(row["rows"], row["reference_rows"]) for row in rows.values()} == {(900, 900)}
    assert rows["country"]["value"] > 0.3
    assert rows["country"]["p"] < 1e-6
    assert {b["label"] for b in rows["country"]["bins"]} == {"de", "fr", "us"}
    assert sum(b["now"] for b in rows["minutes"]["bins"]) == pytest.approx(1)
    assert "missing" in [b["label"] for b in rows["age"]["bins"]]
