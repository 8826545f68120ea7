"""Fitting: tasks and heads, seeds, early stopping, class weights, warm start, clear errors."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytestmark = pytest.mark.component


def weights_of(run: SimpleNamespace) -> list[np.ndarray]:
    with np.load(run.keras / "weights.npz") as arrays:
        return [arrays[name] for name in arrays]


def serve(run: SimpleNamespace, learners: SimpleNamespace, documents: list[dict]) -> dict[str, np.ndarray]:
    import tensorflow as tf

    served = tf.saved_model.load(str(run.serving)).signatures["serving_examples"]
    given = served(examples=tf.constant([learners.serialize(document) for document in documents]))
    return {name: tensor.numpy() for name, tensor in given.items()}


def test_pipeline_writes_history_and_tensorboard(trained: SimpleNamespace) -> None:
    import json

    history = json.loads((trained.run / "history.json").read_text())
    assert history["rows"] == {"train": 420, "validation": 60}
    assert {"epoch", "seconds", "loss", "val_loss", "val_auc"} <= set(history["epochs"][0])
    assert list((trained.run / "tensorboard").rglob("events*"))


def test_same_seed_gives_bit_equal_weights(run_training) -> None:
    first, second = (
        run_training(name="a", model={"dropout": 0.2}),
        run_training(name="b", model={"dropout": 0.2}),
    )
    other = run_training(name="c", seed=7, model={"dropout": 0.2})
    assert all(np.array_equal(a, b) for a, b in zip(weights_of(first), weights_of(second), strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(weights_of(first), weights_of(other), strict=True))


def test_binary_learns(run_training, learners) -> None:
    run = run_training(steps=300)
    assert run.history["epochs"][-1]["val_auc"] > 0.85
    given = serve(run, learners, [{"lessons": 40}, {"lessons": 0}])["probability"]
    assert given.shape == (2,) and given[0] > given[1]


def test_multiclass_serves_labels(run_training, learners) -> None:
    given = serve(run_training("multiclass", steps=300), learners, [{"lessons": 40}, {"lessons": 1}])
    assert given["label"].tolist() == [b"it", b"es"]
    assert given["probabilities"].shape == (2, 3)
    np.testing.assert_allclose(given["probabilities"].sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("kind", ["linear", "dense"])
def test_regression_serves_numbers(run_training, learners, kind: str) -> None:
    run = run_training("regression", steps=400, learning_rate=0.05, model={"type": kind})
    given = serve(run, learners, [{"lessons": 30}, {"lessons": 10}])["prediction"]
    assert given[0] - given[1] == pytest.approx(2, abs=0.7)


def test_early_stopping_keeps_the_best_epoch(run_training) -> None:
    run = run_training(epochs=30, steps=None, learning_rate=0.3, early_stopping={"patience": 2})
    losses = [epoch["val_loss"] for epoch in run.history["epochs"]]
    assert run.history["stopped_early"]
    assert run.history["best_epoch"] == 1 + losses.index(min(losses))


def test_class_weights_move_the_predictions(run_training, learners) -> None:
    documents = learners.documents["test"]
    plain = serve(run_training(name="plain"), learners, documents)["probability"].mean()
    heavy = serve(run_training(name="heavy", class_weights={"1": 20}), learners, documents)[
        "probability"
    ].mean()
    assert heavy > plain + 0.1


def test_hyperparameters_override_the_document(run_training) -> None:
    run = run_training(hyperparameters={"values": {"hidden": "[4, 4]", "learning_rate": 0.02}})
    assert run.history["model"]["hidden"] == [4, 4]
    assert run.history["train"]["learning_rate"] == 0.02


def test_warm_start_begins_where_the_base_model_ended(run_training) -> None:
    base = run_training(name="base", steps=300)
    warm = run_training(
        name="warm", steps=5, warm_start=True, base_model=str(base.serving), learning_rate=1e-6
    )
    assert warm.history["warm_start"] == "used"
    best = min(epoch["val_loss"] for epoch in base.history["epochs"])
    assert warm.history["epochs"][0]["val_loss"] == pytest.approx(best, rel=0.01)


def test_warm_start_from_another_architecture_says_why_not(run_training) -> None:
    base = run_training(name="base", model={"hidden": [16]}, steps=5)
    other = run_training(
        name="other", model={"hidden": [8]}, steps=5, warm_start=True, base_model=str(base.serving)
    )
    assert other.history["warm_start"] == "not used"
    assert "hidden_0" in other.history["reason"]


def test_warm_start_follows_words_that_move() -> None:
    from components.trainer.features import FeatureDescription
    from components.trainer.weights import row_map

    before = [FeatureDescription("x", "number", 1), FeatureDescription("c", "id", 5, ("de", "fr", "it"), 1)]
    after = [FeatureDescription("x", "number", 1), FeatureDescription("c", "id", 4, ("it", "de"), 1)]
    pairs = {tuple(pair) for pair in row_map("deep_ids/embeddings", before, after).tolist()}
    assert pairs == {(0, 0), (3, 1), (1, 2), (4, 3)}


def test_a_loss_that_is_no_number_names_the_learning_rate(run_training) -> None:
    from foundation.errors import DataError

    with pytest.raises(DataError, match=r"lower train\.learning_rate"):
        run_training("regression", learning_rate=1e30, model={"type": "dense"})


def test_constant_label_is_refused() -> None:
    from components.trainer.data import check_labels
    from foundation.errors import DataError

    with pytest.raises(DataError, match="two different values in the train split; seen: 1 in all 5 rows"):
        check_labels(np.ones(5, np.float32), "retained")


OWN = """
import keras

def build_model(features, hyperparameters):
    inputs = {f.name: keras.Input((f.size,) if f.kind == "vector" else (), name=f.name, dtype="int64" if f.kind == "id" else "float32") for f in features}
    numbers = keras.ops.stack([inputs[f.name] for f in features if f.kind == "number"], axis=1)
    return keras.Model(inputs, %s)
"""


def test_own_model_trains_and_serves(run_training, learners, tmp_path: Path) -> None:
    file = tmp_path / "model.py"
    file.write_text(OWN % "keras.layers.Dense(1, activation='sigmoid')(numbers)")
    run = run_training(model={"build_model": f"{file}:build_model"}, steps=200, learning_rate=0.05)
    assert run.history["epochs"][-1]["val_auc"] > 0.85
    assert serve(run, learners, [{}])["probability"].shape == (1,)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("keras.layers.Dense(2)(numbers)", r"one output of shape \[batch, 1\]; seen: shape \(None, 2\)"),
        ("nothing", "build_model that runs; seen: NameError"),
    ],
    ids=["shape", "raises"],
)
def test_own_model_that_does_not_fit_is_a_user_code_error(
    run_training, tmp_path: Path, output: str, message: str
) -> None:
    from foundation.errors import UserCodeError

    file = tmp_path / "model.py"
    file.write_text(OWN % output)
    with pytest.raises(UserCodeError, match=message):
        run_training(model={"build_model": f"{file}:build_model"})


def test_rows_kept_on_disk_train_to_the_same_weights_within_rounding(run_training, monkeypatch) -> None:
    in_memory = run_training(name="memory")
    monkeypatch.setattr("components.trainer.run_fn.load_split.__defaults__", (1000,))
    on_disk = run_training(name="disk")
    for memory, disk in zip(weights_of(in_memory), weights_of(on_disk), strict=True):
        np.testing.assert_allclose(memory, disk, atol=1e-5)
