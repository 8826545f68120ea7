"""Models by task: what they learn and what they serve, a model of one's own, clear errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.components.trainer.conftest import packed

pytestmark = pytest.mark.component


def test_binary_learns(run_training, serve) -> None:
    run = run_training(steps=300)
    assert run.history["epochs"][-1]["val_auc"] > 0.85
    given = serve(run, [{"lessons": 40}, {"lessons": 0}])["probability"]
    assert given.shape == (2,) and given[0] > given[1]


def test_multiclass_serves_labels(run_training, serve) -> None:
    given = serve(run_training("multiclass", steps=300), [{"lessons": 40}, {"lessons": 1}])
    assert given["label"].tolist() == [b"it", b"es"]
    assert given["probabilities"].shape == (2, 3)
    np.testing.assert_allclose(given["probabilities"].sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("kind", ["linear", "dense"])
def test_regression_serves_numbers(run_training, serve, kind: str) -> None:
    run = run_training("regression", steps=400, learning_rate=0.05, model={"type": kind})
    given = serve(run, [{"lessons": 30}, {"lessons": 10}])["prediction"]
    assert given[0] - given[1] == pytest.approx(2, abs=0.7)


def test_a_loss_that_is_no_number_names_the_learning_rate(run_training) -> None:
    from foundation.errors import DataError

    with pytest.raises(DataError, match=r"lower train\.learning_rate"):
        run_training("regression", learning_rate=1e30, model={"type": "dense"})


OWN = """
import keras

def build_model(features, hyperparameters):
    inputs = {f.name: keras.Input((f.size,) if f.kind == "vector" else (), name=f.name, dtype="int64" if f.kind == "id" else "float32") for f in features}
    numbers = keras.ops.stack([inputs[f.name] for f in features if f.kind == "number"], axis=1)
    return keras.Model(inputs, %s)
"""


def test_own_model_trains_and_serves(run_training, serve, tmp_path: Path) -> None:
    file = tmp_path / "model.py"
    file.write_text(OWN % "keras.layers.Dense(1, activation='sigmoid')(numbers)")
    run = run_training(model={"build_model": f"{file}:build_model"}, steps=200, learning_rate=0.05)
    assert run.history["epochs"][-1]["val_auc"] > 0.85
    assert serve(run, [{}])["probability"].shape == (1,)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("keras.layers.Dense(2)(numbers)", r"one output of shape \[batch, 1\]; seen: shape \(None, 2\)"),
        ("nothing", r"model.py:7, in build_model; expected build_model\(.*; seen: NameError"),
        (
            "keras.layers.Dense(1)(numbers)) and (None",
            "model.py:4, in build_model; .*seen: None; remedy: return it",
        ),
        ("keras.layers.Dense(1)(numbers)) and exit(4", r"seen: sys.exit\(4\)"),
    ],
    ids=["shape", "raises", "none", "exits"],
)
def test_own_model_that_does_not_fit_is_a_user_code_error(
    run_training, tmp_path: Path, output: str, message: str
) -> None:
    from foundation.errors import UserCodeError

    file = tmp_path / "model.py"
    file.write_text(OWN % output)
    with pytest.raises(UserCodeError, match=message):
        run_training(model={"build_model": f"{file}:build_model"})


COMPILED = """
import keras
from keras import ops

def odd(true, predicted):
    %s
    return ops.mean(ops.abs(true - predicted))

def build_model(features, hyperparameters):
    inputs = {f.name: keras.Input((f.size,) if f.kind == "vector" else (), name=f.name, dtype="int64" if f.kind == "id" else "float32") for f in features}
    numbers = keras.ops.stack([inputs[f.name] for f in features if f.kind == "number"], axis=1)
    model = keras.Model(inputs, keras.layers.Dense(1, activation='sigmoid')(numbers))
    model.compile(optimizer="adam", loss=%s, metrics=[odd])
    return model
"""


@pytest.mark.parametrize(
    ("metric", "loss", "message"),
    [
        (
            "raise TypeError('odd')",
            "'mse'",
            r"model.py:6, in .*a model that can be fitted; seen: .*TypeError: odd",
        ),
        ("import sys; sys.exit(5)", "'mse'", r"model.py:6, in .*sys.exit\(5\)"),
        ("pass", "'no_such_loss'", r"model.py:\d+, in build_model.*no_such_loss"),
    ],
    ids=["metric", "exits", "loss"],
)
def test_a_fault_while_an_own_model_is_fitted_has_file_and_line(
    run_training, tmp_path: Path, metric: str, loss: str, message: str
) -> None:
    from foundation.errors import UserCodeError

    file = tmp_path / "model.py"
    file.write_text(COMPILED % (metric, loss))
    with pytest.raises(UserCodeError, match=message):
        run_training(model={"build_model": f"{file}:build_model"})


def test_regression_learns_a_label_of_any_unit_and_answers_in_it() -> None:
    from components.trainer.config import ModelConfigSlice, TrainConfig
    from components.trainer.data import TransformedSplit
    from components.trainer.features import FeatureDescription
    from components.trainer.fitting.seeds import seed_everything
    from components.trainer.fitting.training import compile_model, fit
    from components.trainer.models.build import build
    from components.trainer.models.scale import LabelScale
    from components.trainer.recipe import Size
    from components.trainer.settings import TrainingSettings

    rng = np.random.default_rng(3)
    features = [FeatureDescription("c", "id", 4), FeatureDescription("x", "number", 1)]
    columns = {"c": rng.integers(0, 4, 260), "x": rng.normal(size=260).astype(np.float32)}
    noise = rng.normal(size=260)
    price = (2e5 + 5e4 * columns["x"] + 3e4 * columns["c"] + 5e3 * noise).astype(np.float32)
    matrices = packed(features, columns)
    train, validation, test = (
        TransformedSplit({n: v[part] for n, v in matrices.items()}, price[part], 0)
        for part in (slice(0, 160), slice(160, 200), slice(200, 260))
    )
    settings = TrainingSettings(
        ModelConfigSlice(task="regression"), TrainConfig(steps=400, steps_per_epoch=100), "price"
    ).for_table(Size.of(160, features))
    seed_everything(1)
    scale = LabelScale.of(train.labels)
    model = build(settings.model, features, 1, {}, scale)
    assert settings.model.members == 8
    assert model.name == "wide_and_deep" and model.output_shape == (None, 1)
    compile_model(model, "regression", settings.train, 400, scale)
    history = fit(model, settings.train, (train, validation), None, None)
    last = history.epochs[-1]
    assert (
        last["val_loss"] < 0.2
    )  # guessing the mean has 1, whatever the unit; the penalty of the weights is part of it
    assert last["val_rmse"] < 0.3 * validation.labels.std()  # in the label's unit
    predicted = np.asarray(model(test.features, training=False))[:, 0]
    assert np.sqrt(np.mean((predicted - test.labels) ** 2)) < 0.3 * test.labels.std()


def test_members_are_trained_on_their_own_losses() -> None:
    import keras

    from components.trainer.models.members import MeanOfMembers, MembersModel

    inputs = keras.Input((2, 1))
    each = keras.ops.transpose(inputs, (1, 0, 2))
    model = MembersModel(inputs, MeanOfMembers()(each))
    model.compile(optimizer="sgd", loss="mse")
    x, y = np.array([[[1.0], [3.0]]], np.float32), np.array([[2.0]], np.float32)
    assert float(model.compute_loss(x, y, model(x, training=True))) == pytest.approx(1.0)
    assert float(model.compute_loss(x, y, model(x, training=False))) == pytest.approx(0.0)


@pytest.mark.parametrize("kind", ["dense", "wide_and_deep"])
def test_members_train_serve_and_start_warm(run_training, serve, kind: str) -> None:
    chosen = {"type": kind, "hidden": [8, 8], "members": 3}
    run = run_training("multiclass", steps=120, model=chosen)
    assert serve(run, [{"lessons": 40}, {}])["probabilities"].shape == (2, 3)
    warm = run_training(
        "multiclass",
        name="warm",
        steps=1,
        model=chosen,
        warm_start=True,
        base_model=str(run.serving),
        learning_rate=1e-6,
    )
    assert warm.history["warm_start"] == "used"


@pytest.mark.parametrize("steps", [70, 61])
def test_a_training_ends_at_the_steps_of_the_document(run_training, steps: int) -> None:
    run = run_training(steps=steps, steps_per_epoch=20, early_stopping=None, model={"type": "linear"})
    assert run.history["schedule"] == {"steps_per_epoch": 20, "epochs": 4, "steps": steps}
    assert len(run.history["epochs"]) == 4


def test_what_the_document_leaves_open_is_written_into_the_history(run_training, serve) -> None:
    run = run_training(
        steps=None, batch_size=None, learning_rate=None, model={"type": "dense", "hidden": [8]}
    )
    assert run.history["chosen"]["train.batch_size"] == run.history["train"]["batch_size"] == 32
    assert run.history["train"]["steps"] >= 1_000
    assert serve(run, [{}])["probability"].shape == (1,)
