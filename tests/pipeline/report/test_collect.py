"""From the result files of nodes to the data of the report."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2

from components.evaluation_gate.result import Gate, Verdict
from components.infra_validator.result import Gate as ServingGate
from components.infra_validator.result import LatencyRow, Times
from components.validation_gate.result import Distance
from foundation.errors import DataError
from pipeline.lineage.records import Artifact
from pipeline.report.collect import Collected, collect
from pipeline.report.data import Bar, Curve
from pipeline.report.statistics import read_features
from pipeline.runs.results import RunResults

INGESTION = {
    "documents": {"read": 100, "accepted": 97, "quarantined": 2, "filtered": 1},
    "quarantined": {"not JSON": 2},
    "filtered": {"no label": 1},
    "splits": {"train": 70, "validation": 9, "test": 18},
    "fields": [
        {"feature": "age", "type": "int", "read from text": 9, "misfits": {"text that is no number": 3}},
        {"feature": "signup_at", "type": "date", "misfits": {}},
        {"feature": "nickname", "type": None, "misfits": {}},
    ],
}
FINDING = {"feature": "country", "expected": "at most 0.05", "seen": "0.112", "rows": None, "stops": False}
VALIDATION = {
    "anomalies": [],
    "warnings": [{"kind": "drift", **FINDING}],
    "leakage": [{"kind": "leakage", **FINDING}],
    "drift": [
        {"feature": "country", "distance": "l_infinity", "formula": "…", "value": 0.112, "limit": 0.05}
    ],
    "skew": [],
}
HISTORY = {
    "epochs": [{"epoch": 1, "seconds": 0.5, "auc": 0.7, "loss": 0.6, "val_loss": 0.65, "val_auc": 0.69}]
}
NUMBERS = {"low": 0.80, "high": 0.84, "baseline": None}
TRIALS = [
    {"trial_id": "01", "score": 0.81, "learning_rate": 0.003, "hidden": "[64, 32]", "tuner/epochs": 4},
    {"trial_id": "00", "score": 0.79, "learning_rate": 0.01, "hidden": "[32]"},
]
VERDICT = {
    "blessed": False,
    "sentence": "Not blessed: needs auc ≥ 0.900.",
    "flips": ["auc on overall: 0.080 short"],
    "gates": [
        {"metric": "auc", "slice": "overall", "bound": "≥ 0.900", "value": 0.82, "rows": 18, "outcome": "fails", "note": ""},
        {"metric": "auc", "slice": "overall", "bound": "at most 0.01 worse than …", "value": 0.82, "rows": 18,
         "outcome": "holds", "note": ""},
    ],
    "metrics": [
        {"metric": "accuracy", "slice": "overall", "value": 0.7, "rows": 18, **NUMBERS},
        {"metric": "auc", "slice": "country=BR", "value": 0.8, "rows": 4, **NUMBERS},
        {"metric": "auc", "slice": "country=US", "value": 0.8, "rows": 9, **NUMBERS},
        {"metric": "auc", "slice": "overall", "value": 0.82, "rows": 18, **NUMBERS},
    ],
}  # fmt: skip


SERVING = {
    "blessed": True, "sentence": "Fit to serve: 8 requests with 2 examples were answered alike.", "server": "auto",
    "signatures": {"serving_default": "asked"}, "answers": {"compared": 8, "largest_difference": 0.0},
    "load_seconds": {"candidate": 0.5}, "memory_mb": {"server": 300.1, "candidate": None},
    "latency": {"signature": "serving_default", "rounds": 1, "measured": [
        {"protocol": "gRPC", "rows": 1, "requests": 50, "candidate": {"p50_ms": 1.0, "p99_ms": 2.0}, "blessed": None},
    ]},
    "gates": [{"metric": "latency_p99_ms", "where": "gRPC, 1 row", "bound": "≤ 5 ms", "limit": 5, "value": 2.0,
               "blessed": None, "outcome": "holds", "note": ""}],
    "notes": [], "examples": 2, "warmup_requests": 8,
}  # fmt: skip


def statistics() -> statistics_pb2.DatasetFeatureStatisticsList:
    message = statistics_pb2.DatasetFeatureStatisticsList()
    dataset = message.datasets.add(num_examples=70)
    for name, kind in (("_id", 2), ("age", 0), ("signup_at", 0), ("country", 2), ("goal", 2), ("picture", 3)):
        feature = dataset.features.add(type=kind)
        feature.path.step.append(name)
        stats = feature.bytes_stats if kind == 3 else feature.string_stats if kind == 2 else feature.num_stats
        stats.common_stats.num_missing, stats.common_stats.num_non_missing = 7, 63
        stats.common_stats.max_num_values = 1
    age, signup, country, goal = (dataset.features[i] for i in (1, 2, 3, 4))
    age.num_stats.mean, age.num_stats.min, age.num_stats.max = 30.5, 13, 88
    signup.num_stats.min, signup.num_stats.max = 1_735_689_600_000, 1_742_807_564_000
    for low, high in ((1_735_689_600_000, 1_735_989_600_000), (1_742_507_564_000, 1_742_807_564_000)):
        dates = signup.num_stats.histograms or [signup.num_stats.histograms.add(type=0)]
        dates[0].buckets.add(low_value=low, high_value=high, sample_count=30)
    bucket = age.num_stats.histograms.add(type=0).buckets.add(low_value=13, high_value=20, sample_count=12)
    assert bucket.sample_count == 12
    country.string_stats.unique, goal.string_stats.unique = 2, 40
    for label, count in (("US", 40), ("BR", 17), ("Ada's own", 4), ("Bob's own", 2)):
        country.string_stats.rank_histogram.buckets.add(label=label, sample_count=count)
    goal.string_stats.rank_histogram.buckets.add(label="call Ada on 555 0100", sample_count=1)
    return message


FILES = {
    ("MongoExampleGen", "examples"): ("ingestion.json", INGESTION),
    ("ValidationGate", "report"): ("report.json", VALIDATION),
    ("Tuner", "tuner_results"): ("tuner_results.json", TRIALS),
    ("Trainer", "model_run"): ("history.json", HISTORY),
    ("EvaluationGate", "verdict"): ("verdict.json", VERDICT),
    ("InfraValidator", "report"): ("infra_validation.json", SERVING),
}


@pytest.fixture
def results(tmp_path) -> RunResults:
    for (node, _), (name, content) in FILES.items():
        (tmp_path / node).mkdir()
        (tmp_path / node / name).write_text(json.dumps(content))
    split = tmp_path / "StatisticsGen" / "Split-train"
    split.mkdir(parents=True)
    (split / "FeatureStats.pb").write_bytes(statistics().SerializeToString())
    places = [*FILES, ("StatisticsGen", "statistics")]
    return RunResults(
        {
            (node, key): Artifact(number, key, str(tmp_path / node), "LIVE")
            for number, (node, key) in enumerate(places)
        }
    )


@pytest.fixture
def found(results) -> Collected:
    return collect(results, ["auc", "accuracy"])


def test_ingestion(found):
    ingestion = found["ingestion"]
    documents = ingestion.documents
    assert (documents.read, documents.accepted, documents.quarantined, documents.filtered) == (100, 97, 2, 1)
    assert ingestion.reasons == {"not JSON": 2, "no label": 1}
    assert ingestion.misfits == (("age", "read from text", 9), ("age", "text that is no number", 3))


@pytest.mark.parametrize(
    ("count", "first"), [(30, "2025-01-01"), (20, "2025-01"), (5, "2025-01"), (4, None)], ids=str
)
def test_dates_that_few_rows_have_are_told_coarsely(count, first, tmp_path):
    message = statistics()
    signup = next(f for f in message.datasets[0].features if f.path.step == ["signup_at"])
    signup.num_stats.histograms[0].buckets[0].sample_count = count
    signup.num_stats.histograms[0].buckets[0].high_value += 86_400_000  # four days and a half
    (tmp_path / "Split-train").mkdir()
    (tmp_path / "Split-train/FeatureStats.pb").write_bytes(message.SerializeToString())
    (feature,) = (f for f in read_features(tmp_path, {"signup_at": "date"}) if f.name == "signup_at")
    assert feature.numbers.get("min") == first
    assert [bar.label.split(" to ")[0] for bar in feature.bars][:1] == ([first] if first else [])


def test_features(found):
    features = {f.name: f for f in found["features"]}
    assert "_id" not in features
    assert features["age"].missing == pytest.approx(0.1)
    assert features["age"].bars == (Bar("13 to 20", 12, 8),)
    assert features["signup_at"].numbers["min"] == "2025-01-01"
    assert [bar.label for bar in features["signup_at"].bars] == [
        "2025-01-01 to 2025-01-04",
        "2025-03-20 to 2025-03-24",
    ]
    assert features["country"].bars == (Bar("US", 40), Bar("BR", 17), Bar("2 rare values", 6))


def test_values_of_text_with_many_values_are_left_out(found):
    goal = next(f for f in found["features"] if f.name == "goal")
    assert goal.hidden
    assert goal.bars == ()


def test_findings_and_distances(found):
    validation = found["validation"]
    assert [f.kind for f in validation.findings] == ["drift", "leakage"]
    assert validation.drift == (Distance("country", "l_infinity", "…", 0.112, 0.05, "beyond bound"),)


def test_curves_begin_with_the_loss(found):
    assert found["curves"] == (Curve("loss", (0.6,), (0.65,)), Curve("auc", (0.7,), (0.69,)))


def test_trials_hide_the_tuners_own_keys(found):
    first, _ = found["tuning"].ranked
    assert (first.trial, first.score) == ("01", 0.81)
    assert first.chosen == {"learning_rate": 0.003, "hidden": "[64, 32]"}


def test_gates_keep_absolute_bounds_as_numbers(found):
    gates = found["verdict"].gates
    assert gates[0] == Gate("auc", "overall", "≥ 0.900", 0.82, 18, "fails", "")
    assert [gate.limit for gate in gates] == [0.9, None]


@pytest.mark.parametrize(
    ("bound", "limit"),
    [
        ("≥ 0.750", 0.75),
        ("≤ 1.2 (the end of the interval decides)", 1.2),
        ("at most 0.01 worse than …", None),
        ("≥ ?", None),
    ],
    ids=["value", "end of the interval", "against the blessed model", "no number"],
)
def test_limit_is_the_number_of_an_absolute_bound(bound, limit):
    assert Gate("auc", "overall", bound, 0.82, 18, "fails").limit == limit


def test_metrics_are_in_the_documents_order_and_slices_by_size(found):
    assert [(m.metric, m.slice) for m in found["metrics"]] == [
        ("auc", "overall"), ("auc", "country=US"), ("auc", "country=BR"), ("accuracy", "overall"),
    ]  # fmt: skip


def test_serving(found):
    serving = found["serving"]
    assert (serving.blessed, serving.reason) == (True, "8 requests with 2 examples were answered alike.")
    assert serving.latency.measured == (LatencyRow("gRPC", 1, 50, Times(1.0, 2.0)),)
    assert serving.memory_mb == {"server": 300.1, "candidate": None}
    assert serving.gates == (ServingGate("latency_p99_ms", "gRPC, 1 row", "≤ 5 ms", 2.0, "holds", limit=5),)


def test_the_verdict_drops_the_word_in_the_stamp():
    assert Verdict.from_json(VERDICT).reason == "needs auc ≥ 0.900."


def test_results_that_a_run_did_not_reach_are_left_out(results):
    place = ("MongoExampleGen", "examples")
    found = collect(RunResults({place: results.artifacts[place]}), ["auc"])
    assert {name for name, value in found.items() if value} == {"ingestion"}


def test_missing_file_is_a_clear_error(results):
    (results.folder("Trainer", "model_run") / "history.json").unlink()
    with pytest.raises(DataError, match=r"history\.json; expected the JSON file of its node"):
        collect(results, ["auc"])


def test_broken_statistics_are_a_clear_error(results):
    (results.folder("StatisticsGen", "statistics") / "Split-train" / "FeatureStats.pb").write_bytes(
        b"\xff\xff"
    )
    with pytest.raises(DataError, match="statistics written by TFDV"):
        collect(results, ["auc"])


def test_collecting_loads_no_tensorflow():
    code = (
        "import sys, pipeline.report, pipeline.report.collect, tensorflow_metadata.proto.v0.statistics_pb2;"
    )
    code += "print({'tensorflow', 'tfx', 'apache_beam'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
