"""The search through the Tuner's executor: it resumes, tries no setting twice, keeps failed trials, stops by minutes."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.tuner.result import Limits, Trials

pytestmark = pytest.mark.component

RATES = {"learning_rate": {"min": 0.001, "max": 0.1, "log": True}}
SPACE = {**RATES, "hidden": [[4], [8, 4]]}


def search(learners: SimpleNamespace, graph: str, folder: Path, **changes: Any) -> SimpleNamespace:
    """Runs the Tuner, which keeps its searches in the folder; returns them and the best hyperparameters."""
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
    model = ModelConfigSlice.model_validate({"hidden": [4], **changes.pop("model", {})})
    tuning = {"algorithm": "random", "trials": 2, "objective": "val_auc", "search": SPACE, **changes}
    node = make_tuner(
        TuneConfig.model_validate(tuning), model, train, "retained",
        FeaturesConfig.model_validate(learners.small),
        *(channel_utils.as_channel([inputs[name]]) for name in ("examples", "transform_graph", "schema")),
        work_dir=str(folder / "searches"),
    )  # fmt: skip
    outputs = {name: channel.type() for name, channel in node.outputs.items()}
    for name, artifact in outputs.items():
        artifact.uri = str(folder / name)
        Path(artifact.uri).mkdir(exist_ok=True)
    executor = node.executor_spec.executor_class
    context = executor.Context(tmp_dir=str(folder / "tmp"), unique_id="1")
    wrap = lambda artifacts: {name: [artifact] for name, artifact in artifacts.items()}  # noqa: E731
    executor(context).Do(wrap(inputs), wrap(outputs), node.exec_properties)
    best = json.loads((folder / "best_hyperparameters" / "best_hyperparameters.txt").read_text())
    result = Trials.read(folder / "tuner_results")
    return SimpleNamespace(best=best["values"], searches=summaries(folder), result=result)


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


def test_time_ends_a_search_within_a_trial_which_is_repeated_when_there_is_more(
    tune, tmp_path, monkeypatch, caplog
) -> None:
    from components.tuner import trials

    spent = iter([0.0, 0.0, 0.0, *[61.0] * 1000])  # time runs out within the first trial
    length = {"train": {"steps": 40, "steps_per_epoch": 10}}
    with monkeypatch.context() as patched:
        patched.setattr(trials.TrialSearch, "clock", staticmethod(lambda: next(spent)))
        short = tune(trials=3, minutes=1, **length).result
    (cut,) = short.trials
    assert (cut.ended_by_time, cut.status, cut.stopped_early) == (True, "COMPLETED", False)
    assert 0 < cut.epochs < 4
    assert cut.score == pytest.approx(cut.metrics["val_auc"])
    assert short.sentence.startswith("1 of 3 trials ran, 1 ended by time, the best is trial 0")
    assert "time ran out (1 minutes)" in short.sentence
    assert "time ran out" in caplog.text
    assert short.unfinished(Limits(3, 2))
    more = tune(trials=3, minutes=60, **length).result
    assert (len(more.trials), more.ended) == (3, "trials")
    assert [trial.epochs for trial in more.trials] == [4, 4, 4]
    assert more.trials[0].hyperparameters == cut.hyperparameters
    assert more.search == short.search


@pytest.mark.parametrize("algorithm", ["random", "bayesian", "hyperband"])
def test_a_small_space_is_tried_as_a_whole_and_nothing_twice(tune, algorithm: str) -> None:
    objective = {"random": "val_auc_pr", "bayesian": "val_precision", "hyperband": "val_recall"}[algorithm]
    space = {"hidden": [[2], [3], [4]]}
    found = tune(algorithm=algorithm, trials=20, epochs=3, search=space, objective=objective).result
    assert all(objective in trial.metrics for trial in found.trials)
    tried = [
        trial.hyperparameters["hidden"]
        for trial in found.trials
        if not trial.hyperparameters.get("tuner/round")
    ]
    assert sorted(tried) == ["[2]", "[3]", "[4]"]
    assert (found.ended, found.settings) == ("space", 3)
    assert len(found.trials) == (4 if algorithm == "hyperband" else 3)
    assert not found.unfinished(Limits(50))


def test_a_written_number_of_trials_holds_for_hyperband(tune) -> None:
    found = tune(
        algorithm="hyperband", epochs=9, trials=3, search=RATES, train={"steps": None, "epochs": 1}
    ).result
    assert (len(found.trials), found.ended, found.planned) == (3, "trials", 3)


OWN = """
import keras
import pathlib

CALLS = pathlib.Path(__file__).with_name("calls.txt")

def f1(true, predicted):
    return keras.ops.mean(predicted)

def build_model(features, hyperparameters):
    with CALLS.open("a") as calls:
        calls.write(f"{hyperparameters['layers']}\\n")
    inputs = {f.name: keras.Input((f.size,) if f.kind == "vector" else (), name=f.name, dtype="int64" if f.kind == "id" else "float32") for f in features}
    hidden = keras.ops.stack([inputs[f.name] for f in features if f.kind == "number"], axis=1)
    for layer in range(hyperparameters["layers"]):
        hidden = keras.layers.Dense(2)(hidden)
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(hidden))
    %s
    return model
"""
LAYERS = {"layers": {"min": 1, "max": 4}}


@pytest.fixture
def own(tune, tmp_path: Path) -> Callable[..., Any]:
    """Searches with an own model whose last lines are given; returns the result and the calls."""

    def run(line: str, **changes: Any) -> SimpleNamespace:
        file = tmp_path / "model.py"
        file.write_text(OWN % line, encoding="utf-8")
        changes = {"trials": 4, "search": LAYERS, "objective": "val_loss", **changes}
        return tune(model={"build_model": f"{file}:build_model"}, **changes)

    return run


def calls(folder: Path) -> list[str]:
    return (folder / "calls.txt").read_text(encoding="utf-8").split()


def test_whole_bounds_of_an_own_hyperparameter_give_whole_numbers(own, tmp_path: Path) -> None:
    found = own("").result
    assert sorted(calls(tmp_path)) == ["1", "2", "3", "4"]
    assert (found.ended, found.settings) == ("space", 4)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("raise TypeError('no')", "model.py:18, in build_model; expected build_model.*seen: TypeError: no"),
        ("import sys; sys.exit(1)", r"model.py:18, in build_model.*seen: sys.exit\(1\)"),
        ("return None", "model.py:10, in build_model.*seen: None"),
        ("model.compile('adam', loss=lambda a, b: 1 / 0)", "model.py:18, .*can be fitted.*ZeroDivisionError"),
    ],
    ids=["raises", "exits", "none", "loss"],
)
def test_a_fault_of_all_values_ends_a_search_at_once(own, tmp_path: Path, line: str, words: str) -> None:
    from foundation.errors import UserCodeError

    with pytest.raises(UserCodeError, match=words):
        own(line)
    assert len(calls(tmp_path)) == 4  # the trial, and the three other values briefly
    assert not [t for t in summaries(tmp_path) if t["trials"]]


def test_a_fault_of_some_values_is_a_failed_trial(own) -> None:
    found = own("if hyperparameters['layers'] > 2: raise ValueError('too deep')").result
    failed = {trial.hyperparameters["layers"] for trial in found.failed}
    assert failed == {3, 4}
    assert all(trial.own_code and "too deep" in trial.error for trial in found.failed)
    assert "4 trials ran, 2 failed (2 × " in found.sentence


def test_a_metric_of_an_own_model_is_an_objective_in_every_trial(own) -> None:
    line = "model.compile('adam', loss='binary_crossentropy', metrics=[f1, keras.metrics.AUC()])"
    found = own(line, objective="val_f1", direction="max", trials=2).result
    assert [trial.score for trial in found.trials] == [trial.metrics["val_f1"] for trial in found.trials]
    assert found.direction == "max"
    assert all("val_auc" in trial.metrics for trial in found.trials)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "expected a model that is compiled with a metric 'f2'.*seen: a model that is not compiled"),
        (
            "model.compile('adam', loss='mse', metrics=[f1])",
            "metric 'f2', as tune.objective says; seen: val_f1, val_loss",
        ),
    ],
)
def test_an_objective_that_an_own_model_does_not_track_is_refused_at_once(own, tmp_path, line, words) -> None:
    from foundation.errors import UserCodeError

    with pytest.raises(UserCodeError, match=words):
        own(line, objective="val_f2", direction="max")
    assert not [t for t in summaries(tmp_path) if t["trials"]]


def test_hyperband_gives_better_trials_more_epochs(tune) -> None:
    trials = tune(algorithm="hyperband", trials=6, epochs=3, search=RATES).searches[0]["trials"]
    assert {t["hyperparameters"]["tuner/epochs"] for t in trials} == {1, 3}
