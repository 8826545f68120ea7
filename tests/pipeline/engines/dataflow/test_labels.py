"""Jobs are named and labelled by Google's rules, whatever pipelines, nodes and runs are called."""

from __future__ import annotations

import re

import pytest

from pipeline.engines.dataflow.labels import job_name, label_fault, label_value, of_any_attempt, run_labels

RUNS = [
    pytest.param("20260101-120000-abcd", id="a local run"),
    pytest.param("scheduled__2026-01-01T00:00:00+00:00", id="Airflow's"),
    pytest.param("x" * 300, id="long"),
    pytest.param("Läufe/€", id="not ASCII"),
]


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("pipeline", ["learner_retention", "p" * 60, "a"])
def test_names_and_labels_keep_the_rules(pipeline: str, run: str) -> None:
    name = job_name(pipeline, "DistributionValidator", run, 12)
    assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name)
    assert len(name) <= 63
    labels = run_labels(pipeline, "DistributionValidator", run, 12)
    assert [label_fault(key, value) for key, value in labels.items()] == [""] * 4


def test_attempts_of_a_node_are_recognised_and_nothing_else() -> None:
    attempts = of_any_attempt(job_name("taxi", "Transform", "r1", 1))
    assert attempts.fullmatch(job_name("taxi", "Transform", "r1", 12))
    for other in (("taxi", "Transform", "r2"), ("taxi", "Evaluator", "r1"), ("taxi_b", "Transform", "r1")):
        assert not attempts.fullmatch(job_name(*other, 1))
    assert not attempts.fullmatch(job_name("taxi", "Transform", "r1", 1) + "-b")


def test_different_runs_keep_different_labels() -> None:
    assert label_value("2026-01-01") == "2026-01-01"
    assert label_value("a:b") != label_value("a+b")
    assert label_value("x" * 300) != label_value("x" * 301)
