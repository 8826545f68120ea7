"""How often the gates bless and refuse, by seeded simulation with known truth; whole in ``benchmarks/statistics/gates.py``."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from components.evaluation_gate.config import EvaluateConfig
from components.evaluation_gate.gate import decide

FILE = Path(__file__).resolve().parents[3] / "benchmarks" / "statistics" / "gates.py"
REPS = 20


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gates_simulated", FILE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def process(bench: ModuleType):
    return bench.Process(5)


def refused(config: EvaluateConfig, drawn: list) -> float:
    return sum(not decide(config, results).blessed for results in drawn) / len(drawn)


def test_a_retrain_of_an_unchanged_process_is_blessed_over_slices(bench, process):
    drawn = list(process.pairs(REPS, 0.0, bench.UNSTEADY))
    assert sum(bench.before(r, bench.MARGIN, on_interval=False) for r in drawn) >= 0.7 * REPS
    # It is 2% of many; of so few, two may be refused.
    assert refused(bench.gates(not_worse_than_blessed_by=bench.MARGIN), drawn) <= 2 / REPS


def test_a_model_worse_by_twice_the_margin_is_refused(bench, process):
    drawn = list(process.pairs(REPS, 2 * bench.MARGIN, bench.UNSTEADY))
    assert refused(bench.gates(not_worse_than_blessed_by=bench.MARGIN), drawn) >= 0.8


def test_a_model_that_is_much_worse_in_one_slice_alone_is_refused_for_it(bench, process):
    drawn = list(process.pairs(REPS // 2, 0.1, bench.STEADY, inside="country=US"))
    assert refused(bench.gates(not_worse_than_blessed_by=bench.MARGIN, overall=False), drawn) >= 0.8


def test_a_good_model_meets_an_absolute_bound_in_every_slice(bench, process):
    drawn = list(process.pairs(REPS, 0.0, bench.STEADY))
    assert refused(bench.gates(at_least=0.79), drawn) <= 1 / REPS
    assert sum(any(s.candidate["auc"].value < 0.79 for s in r) for r in drawn) >= 0.3 * REPS


def test_small_losses_in_a_row_end(bench):
    rng = np.random.default_rng(3)

    def stops(step: float, best_of: int) -> list[int]:
        gate = {"auc": {"not_worse_than_blessed_by": bench.MARGIN, "best_of_last": best_of}}
        config = EvaluateConfig(metrics=["auc"], gates=gate)
        return [bench._refused_at(config, rng, step, 0.0015, weeks=10) for _ in range(REPS)]

    assert sum(week <= 10 for week in stops(0.004, best_of=1)) <= 0.1 * REPS
    assert sum(week <= 10 for week in stops(0.004, best_of=10)) >= 0.9 * REPS
    assert sum(week <= 10 for week in stops(0.0, best_of=10)) <= 0.1 * REPS
