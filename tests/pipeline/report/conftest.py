"""The data of a full report, with names that would break careless HTML."""

from __future__ import annotations

import math

import pytest

from components.evaluation_gate.result import Gate, Metric, Verdict
from components.infra_validator.result import Gate as ServingGate
from components.infra_validator.result import InfraValidation, Latency, LatencyRow, Times
from components.mongo_example_gen.result import Documents, FieldCounts, Ingestion
from components.tuner.result import Limits, Trial, Trials
from components.validation_gate.result import Distance, Finding, Validation
from pipeline.report.data import Bar, Curve, FeatureView, LineageStep, NodeView, ReportData

HOSTILE = "<script>alert('x')</script>&\"'"

NODES = (
    NodeView("MongoExampleGen", "run", 3.1),
    NodeView("StatisticsGen", "run", 4.4, ("MongoExampleGen",)),
    NodeView("SchemaInferrer", "run", 0.4, ("StatisticsGen",)),
    NodeView("ExampleValidator", "cached", 0.0, ("StatisticsGen", "SchemaInferrer")),
    NodeView("DistributionValidator", "run", 1.3, ("StatisticsGen",)),
    NodeView(
        "ValidationGate",
        "run",
        0.9,
        ("MongoExampleGen", "StatisticsGen", "SchemaInferrer", "ExampleValidator", "DistributionValidator"),
    ),
    NodeView("Transform", "run", 17.3, ("MongoExampleGen", "SchemaInferrer", "ValidationGate")),
    NodeView("Tuner", "run", 41.0, ("MongoExampleGen", "Transform", "SchemaInferrer")),
    NodeView("Trainer", "run", 22.4, ("MongoExampleGen", "Transform", "SchemaInferrer", "Tuner")),
    NodeView("Evaluator", "run", 6.2, ("MongoExampleGen", "Trainer", "SchemaInferrer")),
    NodeView("InfraValidator", "run", 9.8, ("MongoExampleGen", "Trainer")),
    NodeView("EvaluationGate", "run", 0.1, ("Evaluator", "Trainer")),
    NodeView("Pusher", "run", 0.2, ("Trainer", "EvaluationGate", "InfraValidator")),
)


def _metrics() -> tuple[Metric, ...]:
    slices = [
        ("overall", 2411),
        ("country=US", 502),
        ("country=BR", 611),
        ("country=DE", 280),
        ("country=NZ", 11),
    ]
    slices += [("device=android", 1250), ("device=ios", 720), ("device=web", 441)]
    rows = []
    for name, centre in (("auc", 0.82), ("accuracy", 0.745), ("calibration", 1.01)):
        for i, (part, n) in enumerate(slices):
            half, shift = 1.1 / math.sqrt(n), 0.012 * ((i * 5) % 7 - 3)
            value = centre + (shift if i else 0)
            rows.append(Metric(name, part, value, value - half, value + half, n, value - 0.006))
    rows[4] = Metric("auc", "country=NZ", None, None, None, 11)
    return tuple(rows)


def _features() -> tuple[FeatureView, ...]:
    shape = [math.exp(-(((i - 3) / 2.5) ** 2)) * 900 for i in range(10)]
    bars = tuple(Bar(f"{i * 10} to {i * 10 + 10}", n) for i, n in enumerate(shape))
    numbers = {"mean": 34.61, "std": 9.2, "zeros": 0.0, "min": 13.0, "median": 33.0, "max": 88.0}
    countries = tuple(
        Bar(c, n)
        for c, n in (
            ("US", 1700),
            ("BR", 1350),
            ("DE", 1000),
            ("IN", 930),
            ("MX", 750),
            ("FR", 640),
            ("JP", 600),
        )
    )
    return (
        FeatureView("age", "int", 0.102, numbers, None, bars),
        FeatureView("minutes", "float", 0.0, {**numbers, "mean": 47.182, "max": 1.3e8}, None, bars[::-1]),
        FeatureView("country", "text", 0.0, {}, 12, countries),
        FeatureView("interests", "text[]", 0.11, {}, 8, countries[:4]),
        FeatureView("goal", "text", 0.15, {}, 8123, (), hidden=True),
        FeatureView(HOSTILE, "text", 0.0004, {}, 2, (Bar(HOSTILE, 3), Bar("", 1))),
    )


def _curves() -> tuple[Curve, ...]:
    falling = tuple(0.48 + 0.22 * math.exp(-i / 3) for i in range(14))
    rising = tuple(0.83 - 0.12 * math.exp(-i / 3) for i in range(14))
    above = tuple(v + 0.004 * i / 2 for i, v in enumerate(falling))
    return (Curve("loss", falling, above), Curve("auc", rising, tuple(v - 0.012 for v in rising)))


@pytest.fixture
def run() -> ReportData:
    return ReportData(
        pipeline="learner_retention",
        run_id="2025-03-24T09-12-44",
        state="succeeded",
        started=1_742_807_564.0,
        seconds=97.4,
        nodes=NODES,
        span=2,
        ingestion=Ingestion(
            Documents(12_000, 11_996, 4, 0),
            {"line is not JSON": 4},
            splits={"train": 8391, "validation": 1194, "test": 2411},
            fields=(
                FieldCounts("age", "int", misfits={"text that reads as a number": 251}),
                FieldCounts("streak", "int", misfits={"null": 96}),
            ),
        ),
        features=_features(),
        validation=Validation(
            anomalies=(Finding("anomaly", "device", "one of 3 known values", "tablet", rows=17, stops=True),),
            warnings=(Finding("drift", "country", "l_infinity at most 0.05", "0.112, most at value BR"),),
            drift=(
                Distance(
                    "country",
                    "l_infinity",
                    "largest difference of any value's share",
                    0.112,
                    0.05,
                    "beyond bound",
                ),
                Distance("minutes", "jensen_shannon", "divergence", 0.0031, 0.05, "within bound"),
            ),
            train_test=(
                Distance("plan", "l_infinity", "largest difference of any value's share", None, 0.1),
            ),
        ),
        curves=_curves(),
        tuning=Trials(
            "val_auc",
            "max",
            "03",
            (
                Trial(
                    trial="01",
                    status="COMPLETED",
                    score=0.8127,
                    hyperparameters={"learning_rate": 0.0009, "hidden": "[32]", "dropout": 0.3},
                ),
                Trial(
                    trial="02",
                    status="FAILED",
                    error="training, epoch 1; seen: NaN",
                    hyperparameters={"learning_rate": 9.0, "hidden": "[32]", "dropout": 0.3},
                ),
                Trial(
                    trial="03",
                    status="COMPLETED",
                    score=0.8234,
                    ended_by_time=True,
                    hyperparameters={
                        "learning_rate": 0.00317,
                        "hidden": "[64, 32]",
                        "dropout": 0.1,
                        "tuner/epochs": 3,
                    },
                ),
            ),
            limits=Limits(20, 0.1),
            planned=20,
            ended="minutes",
        ),
        objective="val_auc",
        metrics=_metrics(),
        verdict=Verdict(
            True,
            "auc is 0.8200 (0.8024 to 0.8376) on 2,411 test rows, at least 0.75 as asked.",
            ("auc below 0.75",),
            gates=(
                Gate("auc", "overall", "≥ 0.750", 0.82, 2411, "holds"),
                Gate("auc", "overall", "not worse than blessed by more than 0.01", 0.82, 2411, "holds"),
                Gate("auc", "country=NZ", "≥ 0.700", None, 11, "not decided", "fewer than 100 rows"),
                Gate("accuracy", "device=web", "≥ 0.760", 0.733, 441, "fails"),
            ),
        ),
        serving=InfraValidation(
            True,
            "412 requests with 50 examples were answered alike by gRPC and REST.",
            load_seconds={"candidate": 0.62, "blessed": 0.58},
            memory_mb={"server": 310.2, "candidate": 24.8, "blessed": 23.1},
            latency=Latency(
                "serving_default",
                1,
                (
                    LatencyRow("gRPC", 1, 50, Times(0.91, 2.4), Times(0.9, 2.2)),
                    LatencyRow("REST", 32, 50, Times(2.31, 8.75)),
                ),
            ),
            gates=(
                ServingGate("latency_p99_ms", "REST, 32 rows", "≤ 50 ms", 8.75, "holds"),
                ServingGate("memory_mb", "", "≤ 500 MiB", None, "not decided", "it cannot be measured"),
            ),
            notes=("The blessed model has no serving_default; its latency is not known.",),
            warmup_requests=8,
        ),
        pushed="serving_models/3",
        lineage=(
            LineageStep("export", "exports/learners/2/learners.jsonl.gz", ("fingerprint 3f9a0c71be55",)),
            LineageStep("model", "Trainer/model/9", ("trained in this run",)),
            LineageStep("pushed", "serving_models/3", ("version 3",)),
        ),
        higher_is_better={"auc": True, "accuracy": True, "calibration": None},
        versions={"penstock": "0.1.0", "tfx": "1.21.0", "tensorflow": "2.21.0", "python": "3.11.9"},
    )
