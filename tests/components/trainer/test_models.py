"""Models by task: what they learn and what they serve, a model of one's own, clear errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

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
