"""A transformation, a model type and a metric are one object and one registration each, as docs/adding.md describes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[2]


def ask(question: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(HERE / "asked.py"), question],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


@pytest.fixture(scope="module")
def said() -> dict[str, Any]:
    return ask("document")


def test_document_with_the_toys_is_valid(said: dict[str, Any]) -> None:
    assert said["sound"] == ""


@pytest.mark.parametrize(
    ("slip", "message"),
    [
        ("type", "times on 'word', declared as string"),
        ("bound", "at least 2"),
        ("value", "times"),
        ("near miss", "did you mean 'times'?"),
        ("task", "a regression model has no metric 'surprises'"),
        ("model", "did you mean 'bias'?"),
        ("share", "surprises cannot exceed 1"),
    ],
)
def test_checks_know_the_toys(said: dict[str, Any], slip: str, message: str) -> None:
    assert message in said["slips"][slip]


def test_gate_can_compare_a_metric_with_a_direction(said: dict[str, Any]) -> None:
    assert said["slips"]["gate"] == ""


def test_json_schema_and_reports_know_the_toys(said: dict[str, Any]) -> None:
    assert said["key"] == "The number, this many times."
    assert said["types"] == ["linear", "dense", "wide_and_deep", "bias"]
    assert said["label"] == "Surprises"


@pytest.mark.component
def test_toys_compute() -> None:
    computed = ask("computed")
    assert computed["transformed"] == [6.0, 0.0]
    assert computed["predicted"] == [[0.5], [0.5]]
    assert computed["measured"] == {"surprises": 0.5, "accuracy": 0.5}
