"""Fitting: seeds, early stopping, class weights, hyperparameters, warm start."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from tests.components.trainer.conftest import PLAIN

pytestmark = pytest.mark.component


def weights_of(run: SimpleNamespace) -> list[np.ndarray]:
    with np.load(run.keras / "weights.npz") as arrays:
        return [arrays[name] for name in arrays]


def test_pipeline_writes_history_and_tensorboard(trained: SimpleNamespace) -> None:
    import json

    history = json.loads((trained.run / "history.json").read_text())
    assert history["rows"] == {"train": 420, "validation": 60}
    assert {"epoch", "seconds", "loss", "val_loss", "val_auc"} <= set(history["epochs"][0])
    assert list((trained.run / "tensorboard").rglob("events*"))


def test_same_seed_gives_bit_equal_weights(run_training, plain) -> None:
    second, other = run_training(name="second", model=PLAIN), run_training(name="other", model=PLAIN, seed=7)
    assert all(np.array_equal(a, b) for a, b in zip(weights_of(plain), weights_of(second), strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(weights_of(plain), weights_of(other), strict=True))


def test_early_stopping_keeps_the_best_epoch(run_training) -> None:
    run = run_training(epochs=30, steps=None, learning_rate=0.3, early_stopping={"patience": 2})
    losses = [epoch["val_loss"] for epoch in run.history["epochs"]]
    assert run.history["stopped_early"]
    assert run.history["best_epoch"] == 1 + losses.index(min(losses))


def test_class_weights_move_the_predictions(run_training, plain, serve, learners) -> None:
    documents = learners.documents["test"]
    heavy = run_training(model=PLAIN, class_weights={"1": 20})
    assert serve(heavy, documents)["probability"].mean() > serve(plain, documents)["probability"].mean() + 0.1


def test_hyperparameters_override_the_document(run_training) -> None:
    run = run_training(steps=1, hyperparameters={"values": {"hidden": "[4, 4]", "learning_rate": 0.02}})
    assert run.history["model"]["hidden"] == [4, 4]
    assert run.history["train"]["learning_rate"] == 0.02


def test_warm_start_continues_from_the_base_model(run_training, plain) -> None:
    warm = run_training(
        model=PLAIN, steps=5, warm_start=True, base_model=str(plain.serving), learning_rate=1e-6
    )
    assert warm.history["warm_start"] == "used"
    best = min(epoch["val_loss"] for epoch in plain.history["epochs"])
    assert warm.history["epochs"][0]["val_loss"] == pytest.approx(best, rel=0.01)


def test_warm_start_from_another_architecture_says_why_not(run_training, plain) -> None:
    other = run_training(
        model={**PLAIN, "hidden": [16]}, steps=1, warm_start=True, base_model=str(plain.serving)
    )
    assert other.history["warm_start"] == "not used"
    assert "deep_bags/kernel has shape [6, 16], was [6, 8]" in other.history["reason"]


def test_warm_start_follows_words_that_move() -> None:
    from components.trainer.features import FeatureDescription
    from components.trainer.weights import row_map

    before = [FeatureDescription("x", "number", 1), FeatureDescription("c", "id", 5, ("de", "fr", "it"), 1)]
    after = [FeatureDescription("x", "number", 1), FeatureDescription("c", "id", 4, ("it", "de"), 1)]
    pairs = {tuple(pair) for pair in row_map("deep_ids/embeddings", before, after).tolist()}
    assert pairs == {(0, 0), (3, 1), (1, 2), (4, 3)}


def test_constant_label_is_refused() -> None:
    from components.trainer.data import check_labels
    from foundation.errors import DataError

    with pytest.raises(DataError, match="two different values in the train split; seen: 1 in all 5 rows"):
        check_labels(np.ones(5, np.float32), "retained")


def test_rows_kept_on_disk_train_to_the_same_weights_within_rounding(
    run_training, plain, monkeypatch
) -> None:
    monkeypatch.setattr("components.trainer.run_fn.load_split.__defaults__", (1000,))
    monkeypatch.setattr("components.trainer.run_fn.kept_split", lambda *rest, load: load(*rest))
    on_disk = run_training(model=PLAIN)
    for memory, disk in zip(weights_of(plain), weights_of(on_disk), strict=True):
        np.testing.assert_allclose(memory, disk, atol=1e-5)
