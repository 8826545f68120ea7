"""The search through TFX's own Tuner executor: it resumes, keeps failed trials, stops by minutes."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytestmark = pytest.mark.component

RATES = {"learning_rate": {"min": 0.001, "max": 0.1, "log": True}}
SPACE = {**RATES, "hidden": [[4], [8, 4]]}


def search(learners: SimpleNamespace, graph: str, folder: Path, **changes: Any) -> SimpleNamespace:
    """Runs the Tuner, which keeps its searches in the folder; returns them and the best hyperparameters."""
    from tfx.components.tuner.executor import Executor
    from tfx.types import channel_utils, standard_artifacts

    from components.trainer.config import ModelConfigSlice, TrainConfig
    from components.transform.config import FeaturesConfig
    from components.tuner.component import make_tuner
    from components.tuner.config import TuneConfig

    inputs = {
        "examples": standard_artifacts.Examples(),
        "transform_graph": standard_artifacts.TransformGraph(),
        "schema": standard_artifacts.Schema(),
    }
    uris = [str(learners.root / "examples"), graph, str(learners.root / "schema")]
    for artifact, uri in zip(inputs.values(), uris, strict=True):
        artifact.uri = uri
    inputs["examples"].split_names = '["train", "validation", "test"]'
    inputs["examples"].set_string_custom_property("payload_format", "FORMAT_TF_EXAMPLE")
    train = TrainConfig.model_validate({"steps": 20, "batch_size": 64, **changes.pop("train", {})})
    tuning = {"algorithm": "random", "trials": 2, "objective": "val_auc", "search": SPACE, **changes}
    node = make_tuner(
        TuneConfig.model_validate(tuning), ModelConfigSlice(hidden=[4]), train, "retained",
        FeaturesConfig.model_validate(learners.small),
        *(channel_utils.as_channel([inputs[name]]) for name in ("examples", "transform_graph", "schema")),
        work_dir=str(folder / "searches"),
    )  # fmt: skip
    outputs = {name: channel.type() for name, channel in node.outputs.items()}
    for name, artifact in outputs.items():
        artifact.uri = str(folder / name)
        Path(artifact.uri).mkdir(exist_ok=True)
    context = Executor.Context(tmp_dir=str(folder / "tmp"), unique_id="1")
    wrap = lambda artifacts: {name: [artifact] for name, artifact in artifacts.items()}  # noqa: E731
    Executor(context).Do(wrap(inputs), wrap(outputs), node.exec_properties)
    best = json.loads((folder / "best_hyperparameters" / "best_hyperparameters.txt").read_text())
    return SimpleNamespace(best=best["values"], searches=summaries(folder))


@pytest.fixture
def tune(
    learners: SimpleNamespace, small_graph: Callable[[str], str], tmp_path: Path
) -> Callable[..., SimpleNamespace]:
    """Runs the Tuner; all calls share one folder for their searches."""
    return functools.partial(search, learners, small_graph("binary"), tmp_path)


@pytest.fixture(scope="module")
def searched(
    learners: SimpleNamespace, small_graph: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> SimpleNamespace:
    """A search of two trials, the same with a third, and another one in the same folder."""
    folder = tmp_path_factory.mktemp("searched")
    first, more, other = (
        search(learners, small_graph("binary"), folder, algorithm="bayesian", **changes)
        for changes in ({"trials": 2}, {"trials": 3}, {"trials": 1, "seed": 1})
    )
    return SimpleNamespace(first=first, more=more, other=other)


def summaries(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(file.read_text()) for file in sorted((folder / "searches").glob("*/trials.json"))]


def test_same_search_resumes_and_a_different_one_starts_over(searched) -> None:
    first, more, other = searched.first, searched.more, searched.other
    assert len(first.searches[0]["trials"]) == 2
    assert len(more.searches) == 1
    assert more.searches[0]["trials"][:2] == first.searches[0]["trials"]
    assert len(more.searches[0]["trials"]) == 3
    assert sorted(len(found["trials"]) for found in other.searches) == [1, 3]


def test_best_hyperparameters_are_those_of_the_best_trial(searched) -> None:
    given = searched.more
    found = given.searches[0]
    assert found["direction"] == "max"
    best = max(found["trials"], key=lambda trial: trial["score"])
    assert (best["trial"], best["hyperparameters"]) == (found["best"], given.best)
    assert best["metrics"]["val_auc"] == pytest.approx(best["score"])


def test_a_killed_search_keeps_its_trials_and_repeats_the_unfinished_one(tune, tmp_path, monkeypatch) -> None:
    from components.tuner import trials

    class KilledError(BaseException):
        """Ends the process as a signal would."""

    def die(*_: Any) -> None:
        raise KilledError

    with monkeypatch.context() as patched:
        kept = trials.TrialSearch.on_trial_end
        patched.setattr(
            trials.TrialSearch, "on_trial_end", lambda s, t: kept(s, t) if t.trial_id == "0" else die()
        )
        with pytest.raises(KilledError):
            tune(trials=3)
    before = summaries(tmp_path)[0]["trials"]
    assert [trial["status"] for trial in before] == ["COMPLETED"]
    after = tune(trials=3).searches[0]["trials"]
    assert after[0] == before[0]
    assert [trial["status"] for trial in after] == ["COMPLETED"] * 3


def test_a_failed_trial_is_kept_and_the_search_continues(tune) -> None:
    given = tune(search={"learning_rate": [0.01, 1e38]}, objective="val_loss", train={"steps": 40})
    statuses = {t["hyperparameters"]["learning_rate"]: t["status"] for t in given.searches[0]["trials"]}
    assert statuses == {0.01: "COMPLETED", 1e38: "FAILED"}
    failed = next(t for t in given.searches[0]["trials"] if t["status"] == "FAILED")
    assert "a loss that is a number" in failed["error"]
    assert given.best == {"learning_rate": 0.01}


def test_search_fails_only_if_every_trial_fails(tune) -> None:
    from foundation.errors import DataError

    with pytest.raises(DataError, match="tuning: 2 trials; expected at least one that ends with a result"):
        tune(search={"learning_rate": [1e37, 1e38]}, objective="val_loss", train={"steps": 40})


def test_no_trial_starts_after_the_minutes(tune, caplog) -> None:
    given = tune(trials=50, minutes=0.001)
    assert len(given.searches[0]["trials"]) == 1
    assert "0.001 minutes are over after 1 trials" in caplog.text


def test_hyperband_gives_better_trials_more_epochs(tune) -> None:
    trials = tune(algorithm="hyperband", epochs=3, search=RATES).searches[0]["trials"]
    assert {t["hyperparameters"]["tuner/epochs"] for t in trials} == {1, 3}
