"""Differences to the simple models against known truth: the simulation of ``benchmarks/statistics/references.py``, kept small."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "benchmarks" / "statistics" / "references.py"
REPEATS = 100


@pytest.fixture(scope="module")
def simulation():
    spec = importlib.util.spec_from_file_location("reference_simulation", SCRIPT)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("task", ["binary", "regression"])
@pytest.mark.parametrize(
    ("name", "reference", "users", "each"),
    [
        ("knows the curve", "linear", 300, 1),
        ("wavers", "linear", 60, 5),
        ("linear, other rows", "linear", 300, 1),
        ("knows the curve", "constant", 60, 5),
    ],
    ids=["better", "users", "as good", "constant"],
)
def test_the_interval_holds_the_true_difference_and_the_words_are_right(
    simulation, task, name, reference, users, each
) -> None:
    found = simulation.measure(task, name, reference, users, each, REPEATS, population=100_000)
    for metric, outcome in found.items():
        # Four standard errors of a share of 100; 95% is meant.
        assert 0.87 <= outcome.held <= 1.0, (metric, outcome)
        assert outcome.wrong <= 0.08, (metric, outcome)
    if name == "linear, other rows":
        assert all(outcome.told_apart <= 0.13 for outcome in found.values())
    if reference == "constant":
        assert all(outcome.told_apart >= 0.95 for outcome in found.values())
