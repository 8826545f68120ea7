"""Thompson sampling beside MABWiser's; the whole comparison is ``benchmarks/statistics/experiments_bandits.py``."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from serving.experiments.modes.config import ModeConfig
from serving.experiments.modes.mode import ArmRewards, interval_rng
from serving.experiments.modes.thompson import Thompson, best_shares, normal_draws

SCRIPT = Path(__file__).resolve().parents[4] / "benchmarks" / "statistics" / "experiments_bandits.py"


@pytest.fixture(scope="module")
def simulation() -> ModuleType:
    spec = importlib.util.spec_from_file_location("experiments_bandits", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_shares_are_how_often_mabwiser_chooses_an_arm() -> None:
    from mabwiser.mab import MAB, LearningPolicy

    successes, failures = {"a": 12, "b": 9, "c": 2}, {"a": 80, "b": 40, "c": 20}
    bandit = MAB(list("abc"), LearningPolicy.ThompsonSampling(), seed=1)
    bandit.fit(
        np.array([arm for arm in "abc" for _ in range(successes[arm] + failures[arm])]),
        np.array([value for arm in "abc" for value in [1] * successes[arm] + [0] * failures[arm]]),
    )
    chosen = bandit.predict(np.zeros((20_000, 1)))
    arms = [ArmRewards(arm, successes[arm] + failures[arm], successes[arm], successes[arm]) for arm in "abc"]
    mode = Thompson(ModeConfig.model_validate({"type": "thompson", "draws": 20_000}), "a", binary=True)
    for share, arm in zip(mode.wishes(arms, interval_rng(0, 0)), "abc", strict=True):
        assert share == pytest.approx(chosen.count(arm) / len(chosen), abs=0.015)


def test_regret_is_that_of_mabwiser_on_the_same_streams(simulation: ModuleType) -> None:
    ours = simulation.regret(simulation.ours("thompson", simulation.FREE, draws=512), simulation.EASY, 80)
    theirs = simulation.regret(simulation.mabwiser("ThompsonSampling"), simulation.EASY, 80)
    error = np.sqrt((ours.var() + theirs.var()) / 80)
    assert abs(ours.mean() - theirs.mean()) <= 0.05 * theirs.mean() + 2 * error
    even = simulation.regret(simulation.uniform, simulation.EASY, 80)
    assert ours.mean() < even.mean() / 5


def test_early_successes_flatter_the_arm_that_answers_earlier_and_closed_windows_do_not(
    simulation: ModuleType,
) -> None:
    closed = simulation.regret(
        simulation.ours("thompson", simulation.FREE, draws=512), simulation.UNEQUAL, 40
    )
    early = simulation.regret(simulation.early, simulation.UNEQUAL, 40)
    assert closed.mean() < early.mean() / 2


def test_numbers_of_any_unit_and_offset_have_the_same_shares() -> None:
    rng = np.random.default_rng(2)
    values = [rng.normal(mean, 2.0, 50) for mean in (10.0, 10.5)]

    def shares(factor: float, offset: float) -> list[float]:
        arms = []
        for at, drawn in enumerate(values):
            moved = factor * drawn + offset
            arms.append(ArmRewards(str(at), 50, float(moved.sum()), float((moved**2).sum())))
        return best_shares(normal_draws(arms, 20_000, interval_rng(0, 0)))

    assert shares(1, 0)[1] == pytest.approx(shares(1000, 0)[1], abs=1e-9)
    assert shares(1, 0)[1] == pytest.approx(shares(1, 100)[1], abs=0.01)
    difference = (values[1].mean() - values[0].mean()) / np.sqrt(
        sum(drawn.var(ddof=1) for drawn in values) / 50
    )
    from math import erf, sqrt

    assert shares(1, 0)[1] == pytest.approx(0.5 * (1 + erf(difference / sqrt(2))), abs=0.03)
