"""keras-tuner's oracles as they are used: no setting twice, small spaces as a whole; seeded, without training."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytestmark = pytest.mark.component

SPACES: dict[str, tuple[dict[str, Any], int | None]] = {
    "three": ({"hidden": [[1], [2], [3]]}, 3),
    "twelve": ({"hidden": [[1], [2], [3]], "embedding": {"min": 1, "max": 4}}, 12),
    "types": ({"type": ["linear", "dense"], "hidden": [[1], [2]]}, 3),
    "logarithmic": ({"embedding": {"min": 1, "max": 30, "log": True}}, 30),
    "endless": ({"learning_rate": {"min": 1e-3, "max": 1e-1, "log": True}}, None),
}


def propose(
    folder: Path, fails: Any = lambda values: False, score: Any = None, most: int = 1, **tune: Any
) -> SimpleNamespace:
    """Asks an oracle until it ends; a trial's score is a fixed function of its setting, by default any number.

    Up to ``most`` trials are pending at once; the one that was proposed first ends first. An earlier search in the folder goes on.
    """
    from components.trainer.config import ModelConfigSlice
    from components.tuner.config import TuneConfig
    from components.tuner.oracles import make_oracle
    from components.tuner.space import Space

    config = TuneConfig.model_validate({"epochs": 9, **tune})
    oracle: Any = make_oracle(config, Space.of(config.search, ModelConfigSlice()))
    oracle._set_project_dir(str(folder), "search")
    oracle.verbose = 0
    if (folder / "search" / "oracle.json").exists():
        oracle.reload()
        oracle.order_retries()
    settings, rounds, pending, places = [], [], [], itertools.count()
    while True:
        trial = oracle.create_trial(f"tuner{next(places)}")
        if trial.status == "RUNNING":
            values = trial.hyperparameters.values
            (rounds if values.get("tuner/round") else settings).append(dict(values))
            pending.append(trial)
            if len(pending) < most:
                continue
        if not pending:
            break
        trial = pending.pop(0)
        values = trial.hyperparameters.values
        if fails(values):
            trial.status = "FAILED"
        else:
            loss = score(values) if score else random.Random(oracle._key(values)).random()
            oracle.update_trial(trial.trial_id, {"val_loss": loss})
            trial.status = "COMPLETED"
        oracle.end_trial(trial)
    return SimpleNamespace(
        settings=settings, rounds=rounds, keys=[oracle._key(v) for v in settings], oracle=oracle
    )


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("algorithm", ["random", "bayesian", "hyperband"])
def test_no_setting_is_proposed_twice_and_a_small_space_is_used_up(
    tmp_path: Path, algorithm: str, space: str
) -> None:
    search, size = SPACES[space]
    for seed in range(2):
        found = propose(tmp_path / str(seed), algorithm=algorithm, trials=50, search=search, seed=seed)
        assert len(set(found.keys)) == len(found.keys)
        assert size is None or len(found.keys) == size
        assert size is not None or len(found.keys) + len(found.rounds) == 50
        bounds = search.get("embedding", {"max": 99})
        assert all(values.get("embedding", 1) <= bounds["max"] for values in found.settings)


@pytest.mark.parametrize("algorithm", ["random", "bayesian", "hyperband"])
def test_failed_trials_are_not_proposed_again(tmp_path: Path, algorithm: str) -> None:
    search, size = SPACES["twelve"]
    found = propose(
        tmp_path, lambda values: values["hidden"] == "[2]", algorithm=algorithm, trials=50, search=search
    )
    assert len(set(found.keys)) == len(found.keys) == size


def test_hyperband_promotes_though_a_space_is_small_and_trials_fail(tmp_path: Path) -> None:
    for number, fails in enumerate((lambda values: False, lambda values: values["hidden"] == "[2]")):
        found = propose(tmp_path / str(number), fails, algorithm="hyperband", search=SPACES["three"][0])
        assert [(v["tuner/epochs"], v["tuner/round"]) for v in found.rounds] == [(3, 1), (9, 2)]
        scores = {
            v["hidden"]: random.Random(k).random() for v, k in zip(found.settings, found.keys, strict=True)
        }
        scores = {hidden: score for hidden, score in scores.items() if not fails({"hidden": hidden})}
        assert {v["hidden"] for v in found.rounds} == {min(scores, key=scores.__getitem__)}


@pytest.mark.parametrize("epochs", [1, 2, 3, 9, 27])
def test_hyperbands_schedule_is_as_long_as_was_said(tmp_path: Path, epochs: int) -> None:
    from components.tuner.space import hyperband_trials

    found = propose(tmp_path, algorithm="hyperband", epochs=epochs, search=SPACES["endless"][0])
    assert len(found.settings) + len(found.rounds) == hyperband_trials(epochs)


@pytest.mark.parametrize("algorithm", ["random", "bayesian", "hyperband"])
@pytest.mark.parametrize("seed", [0, -7, 42])
def test_equal_seeds_propose_equal_trials(tmp_path: Path, algorithm: str, seed: int) -> None:
    search = SPACES["endless"][0]
    first, second = (
        propose(tmp_path / name, algorithm=algorithm, trials=6, search=search, seed=seed).settings
        for name in "ab"
    )
    assert first == second


def test_bayesian_finds_the_optimum_sooner_than_chance_and_then_the_rest(tmp_path: Path) -> None:
    search, needed = {"embedding": {"min": 1, "max": 60}}, []
    for seed in range(6):
        best = 5 + 9 * seed
        found = propose(
            tmp_path / str(seed), score=lambda values, best=best: abs(values["embedding"] - best),
            algorithm="bayesian", trials=60, search=search, seed=seed,
        )  # fmt: skip
        proposed = [values["embedding"] for values in found.settings]
        assert sorted(proposed) == list(range(1, 61))
        needed.append(proposed.index(best) + 1)
    assert sum(needed) / len(needed) < 15  # by chance 30.5


def test_bayesian_keeps_the_algebra_of_its_small_matrices_to_one_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sklearn.gaussian_process import GaussianProcessRegressor
    from threadpoolctl import threadpool_info

    def threads() -> list[int]:
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    seen: list[int] = []
    fit = GaussianProcessRegressor.fit
    monkeypatch.setattr(
        GaussianProcessRegressor, "fit", lambda *given: (seen.extend(threads()), fit(*given))[1]
    )
    before = threads()
    propose(tmp_path, algorithm="bayesian", trials=5, search=SPACES["endless"][0])
    assert set(seen) == {1}
    assert threads() == before


def proposed(found: SimpleNamespace) -> list[dict[str, Any]]:
    return [trial.hyperparameters.values for trial in found.oracle.trials.values()]


@pytest.mark.parametrize("algorithm", ["random", "hyperband"])
def test_pending_trials_do_not_change_what_is_proposed(tmp_path: Path, algorithm: str) -> None:
    search, _ = SPACES["endless"]
    settings: dict[str, Any] = {"algorithm": algorithm, "trials": 30, "search": search}
    alone = propose(tmp_path / "1", **settings)
    several = propose(tmp_path / "3", most=3, **settings)
    assert proposed(several) == proposed(alone)
    assert bool(alone.rounds) == (algorithm == "hyperband")


def test_what_bayesian_proposes_with_pending_trials_does_not_depend_on_an_interruption(
    tmp_path: Path,
) -> None:
    settings: dict[str, Any] = {
        "algorithm": "bayesian",
        "trials": 9,
        "search": SPACES["endless"][0],
        "most": 2,
    }
    whole = propose(tmp_path / "whole", **settings)
    seen = itertools.count()

    def interrupted(values: Any) -> bool:
        if next(seen) == 5:
            raise InterruptedError
        return False

    with pytest.raises(InterruptedError):
        propose(tmp_path / "cut", fails=interrupted, **settings)
    assert proposed(propose(tmp_path / "cut", **settings)) == proposed(whole)
