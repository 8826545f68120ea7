"""Models that learn pass and models that do not fail, on rows whose link to the label is known."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from components.trainer.settings import TrainingSettings
from pipeline.proving import learns
from pipeline.proving.chance import chance_of
from pipeline.proving.trial import Trial

OWN = """
import keras


def build(features, hyperparameters):
    inputs = {{f.name: keras.Input((), name=f.name, dtype="int64" if f.kind == "id" else "float32") for f in features}}
    columns = [keras.ops.cast(one, "float32")[:, None] for one in inputs.values()]
    together = keras.layers.Concatenate()(columns)
    {between}
    model = keras.Model(inputs, keras.layers.Dense(1, "sigmoid")(keras.layers.Dense(16, "relu")(together)))
    {after}
    return model
"""
BROKEN = {
    "learning rate 0": OWN.format(
        between="", after='model.compile(keras.optimizers.SGD(0.0), "binary_crossentropy")'
    ),
    "weights not trainable": OWN.format(
        between="", after="for layer in model.layers: layer.trainable = False"
    ),
    "inputs lost on the way": OWN.format(between="together = together * 0.0", after=""),
    "loss upside down": OWN.format(
        between="",
        after='model.compile("adam", lambda y, p: -keras.losses.binary_crossentropy(y, p))',
    ),
}


def split_of(task: str, rows: int, seed: int = 0) -> Any:
    """Returns rows whose x is the label's with noise, in overlapping classes; city says a little, noise nothing."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 3 if task == "multiclass" else 2, rows)
    x = classes * 2.0 - 1 + rng.normal(0, 1, rows)
    labels = 1000 + 50 * (x + rng.normal(0, 0.7, rows)) if task == "regression" else classes
    city = np.minimum(4, rng.integers(0, 4, rows) + classes // 2)[:, np.newaxis]
    numbers = np.column_stack([rng.normal(size=rows), x]).astype(np.float32)
    kind = np.int64 if task == "multiclass" else np.float32
    return made({"numbers": numbers, "ids": city.astype(np.int64)}, labels.astype(kind))


def made(features: dict[str, np.ndarray], labels: np.ndarray) -> Any:
    from components.trainer.data import TransformedSplit

    return TransformedSplit(features, labels, 0)


def trial_of(model: dict[str, Any], split: Any) -> Trial:
    from components.trainer.features import FeatureDescription
    from components.trainer.matrices import Matrices

    features = [
        FeatureDescription("city", "id", 5),
        FeatureDescription("noise", "number", 1),
        FeatureDescription("x", "number", 1),
    ]
    graph: Any = SimpleNamespace(features=features, matrices=Matrices.of(features))
    settings = TrainingSettings.from_custom_config({"model": model, "train": {}, "label": "y"})
    return Trial(graph, settings, ["a", "b", "c"] if model.get("task") == "multiclass" else ["0", "1"], split)


def verdicts(trial: Trial) -> tuple[bool, bool]:
    return learns.by_heart(trial).passed, learns.unseen(trial).passed


@pytest.mark.parametrize(
    ("kind", "task", "rows"),
    [
        ("linear", "binary", 42),
        ("linear", "multiclass", 42),
        ("linear", "regression", 7_000),
        ("dense", "regression", 42),
        ("wide_and_deep", "multiclass", 42),
        ("wide_and_deep", "binary", 7_000),
    ],
)
def test_every_type_of_model_that_learns_passes(kind: str, task: str, rows: int) -> None:
    trial = trial_of({"type": kind, "task": task}, split_of(task, rows))
    assert verdicts(trial) == (True, True)


def own(code: str, folder: Path) -> dict[str, Any]:
    (folder / "model.py").write_text(code)
    return {"build_model": f"{folder / 'model.py'}:build"}


@pytest.mark.parametrize("after", ["", 'model.compile("adam", "binary_crossentropy")'], ids=["open", "slow"])
def test_a_model_of_ones_own_that_learns_passes(after: str, tmp_path: Path) -> None:
    code = OWN.format(between="", after=after)
    assert verdicts(trial_of(own(code, tmp_path), split_of("binary", 200))) == (True, True)


@pytest.mark.filterwarnings("ignore:The model does not have any trainable weights")
@pytest.mark.parametrize("fault", BROKEN)
def test_a_model_that_does_not_learn_fails(fault: str, tmp_path: Path) -> None:
    trial = trial_of(own(BROKEN[fault], tmp_path), split_of("binary", 200))
    assert not learns.by_heart(trial).passed


@pytest.mark.parametrize(("kind", "rows"), [("linear", 42), ("wide_and_deep", 1_000)])
def test_shuffled_labels_fail(kind: str, rows: int) -> None:
    split = split_of("binary", rows)
    shuffled = np.random.default_rng(1).permutation(split.labels)
    trial = trial_of({"type": kind}, made(split.features, shuffled))
    found = learns.unseen(trial)
    assert not found.passed
    assert "give a larger sample" in found.expected


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_inputs_that_are_the_same_in_every_row_fail(task: str) -> None:
    split = split_of(task, 200)
    same = {name: np.zeros_like(column) for name, column in split.features.items()}
    assert verdicts(trial_of({"type": "dense", "task": task}, made(same, split.labels))) == (False, False)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_chance_is_met_as_often_as_it_says(task: str) -> None:
    rng = np.random.default_rng(3)
    outputs, low = 3 if task == "multiclass" else 1, 0
    for number in range(400):
        answers = rng.dirichlet([0.3] * 3, 42)[:, :outputs]
        labels = rng.integers(0, 3 if task == "multiclass" else 2, 42)
        low += chance_of(task, answers, labels, seed=number).probability <= 0.05
    assert 8 <= low <= 34  # 20 are expected; outside of this in one of 500 programs that are right


def test_answers_that_are_all_the_same_fit_by_chance() -> None:
    for task, outputs in (("binary", 1), ("multiclass", 3), ("regression", 1)):
        labels = np.arange(30) % 2
        assert chance_of(task, np.full((30, outputs), 0.3), labels).probability == 1.0


def test_shuffled_labels_pass_as_seldom_as_it_says_though_a_model_was_fitted() -> None:
    low = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        labels, inputs = rng.integers(0, 2, 60), rng.normal(size=(60, 3))
        asked, learnt = learns._halves(labels)
        weights = inputs[learnt].T @ (labels[learnt] - 0.5)
        answers = 1 / (1 + np.exp(-inputs[asked] @ weights[:, np.newaxis]))
        low += chance_of("binary", answers, labels[asked]).probability <= 0.05
    assert 8 <= low <= 34  # as above; in both directions together, 1 in 10 passes


def test_rows_to_learn_by_heart_hold_every_label() -> None:
    labels = np.array([0] * 900 + [1] * 100)
    rows = learns._few(labels)
    assert len(rows) == learns.ROWS
    assert set(labels[rows]) == {0, 1}
    assert len(learns._few(np.arange(5))) == 5


def test_halves_share_no_row_and_have_the_same_labels() -> None:
    labels = np.array([0] * 900 + [1] * 100)
    one, other = learns._halves(labels)
    assert not set(one) & set(other)
    assert len(one) + len(other) == 1000
    assert labels[one].sum() == labels[other].sum() == 50
