"""Models of matrices against the same weights feature by feature, and what one more feature costs: nothing."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.component

ROWS = 40
TASKS = ("binary", "multiclass", "regression")
TYPES: dict[str, dict[str, Any]] = {
    "linear": {"type": "linear", "l2": 0.01},
    "dense": {"type": "dense", "hidden": [6, 4]},
    "dense without hidden layers": {"type": "dense", "hidden": []},
    "wide and deep": {"type": "wide_and_deep", "hidden": [6]},
}
SIZES: dict[str, dict[str, Any]] = {
    "one-hot": {"members": 1},
    "embedded": {"members": 1, "embedding": 3},
    "members": {"members": 3},
    "members, embedded": {"members": 3, "embedding": 2},
}


def features(copies: int = 1) -> list[Any]:
    """Returns features of each kind whose order by name mixes the kinds."""
    from components.trainer.features import FeatureDescription

    found = []
    for at in range(copies):
        found += [
            FeatureDescription(f"a{at}", "vector", 5, ("x", "y", "z"), 0),
            FeatureDescription(f"b{at}", "number", 1),
            FeatureDescription(f"c{at}", "id", 4, ("x", "y"), 1),
            FeatureDescription(f"d{at}", "vector", 2, ("v",), 0),
            FeatureDescription(f"e{at}", "id", 7),
            FeatureDescription(f"f{at}", "vector", 3),
            FeatureDescription(f"g{at}", "number", 1),
        ]
    return found


def columns(given: list[Any], seed: int = 5) -> dict[str, np.ndarray]:
    drawn = np.random.default_rng(seed)
    made = {}
    for f in given:
        if f.kind == "id":
            made[f.name] = drawn.integers(0, f.size, ROWS)
        elif f.vocabulary:
            made[f.name] = (drawn.random((ROWS, f.size)) < 0.4).astype(np.float32)
        else:
            shape = (ROWS, f.size) if f.kind == "vector" else (ROWS,)
            made[f.name] = drawn.normal(size=shape).astype(np.float32)
    return made


def built(config: dict[str, Any], given: list[Any]) -> Any:
    """Returns a model with random weights, tables of the wide part included."""
    from components.trainer.config import ModelConfigSlice
    from components.trainer.models.build import build
    from components.trainer.models.scale import LabelScale

    whole = {"dropout": 0.0, "l2": 0.0, **config}
    scale = LabelScale(100.0, 7.0) if config["task"] == "regression" else None
    classes = 3 if config["task"] == "multiclass" else 1
    model = build(ModelConfigSlice.model_validate(whole), given, classes, {}, scale)
    drawn = np.random.default_rng(9)
    for variable in model.trainable_weights:
        variable.assign(0.3 * drawn.normal(size=variable.shape))
    return model


class ByHand:
    """The same function from each feature's own weights, one after the other."""

    def __init__(self, model: Any, config: dict[str, Any], given: list[Any]) -> None:
        self.weights = {v.path: np.asarray(v, np.float64) for v in model.weights}
        self.config, self.features = config, given

    def rows_of(self, path: str, kind: str) -> dict[str, np.ndarray]:
        """Returns feature → its own rows of a table or of the kernel of bags."""
        own = [
            f
            for f in self.features
            if (f.kind == "id" if kind == "id" else bool(f.kind == "vector" and f.vocabulary))
        ]
        ends = np.cumsum([f.size for f in own])
        return dict(zip([f.name for f in own], np.split(self.weights[path], ends[:-1]), strict=True))

    def numbers(self, given: dict[str, np.ndarray]) -> np.ndarray:
        scalars = [given[f.name][:, np.newaxis] for f in self.features if f.kind == "number"]
        vectors = [given[f.name] for f in self.features if f.kind == "vector" and not f.vocabulary]
        return np.hstack(scalars + vectors).astype(np.float64)

    def parts(self, part: str, given: dict[str, np.ndarray]) -> list[np.ndarray]:
        """Returns what each id and each bag adds: its rows of the table, or its product with its own kernel."""
        ids = [rows[given[name]] for name, rows in self.rows_of(f"{part}_ids/embeddings", "id").items()]
        return ids + [given[n] @ k for n, k in self.rows_of(f"{part}_bags/kernel", "bag").items()]

    def wide(self, given: dict[str, np.ndarray]) -> np.ndarray:
        kernel, bias = self.weights["wide_numbers/kernel"], self.weights["wide_numbers/bias"]
        return self.numbers(given) @ kernel + bias + sum(self.parts("wide", given))

    def deep(self, given: dict[str, np.ndarray]) -> np.ndarray:
        """Returns ``[members, rows, logits]``."""
        kernel, bias = self.weights["hidden_0/kernel"], self.weights["hidden_0/bias"]
        if self.config.get("embedding"):
            total = np.hstack([self.numbers(given), *self.parts("deep", given)]) @ kernel + bias
        else:
            total = self.numbers(given) @ kernel + bias + sum(self.parts("deep", given))
        hidden = np.stack(np.split(total, self.config["members"], axis=1))
        layers = [f"hidden_{at}" for at in range(1, len(self.config["hidden"]))] + ["logits"]
        for layer in layers if self.config["hidden"] else []:
            hidden = np.maximum(hidden, 0) @ self.weights[f"{layer}/kernel"] + self.weights[f"{layer}/bias"]
        return hidden

    def __call__(self, given: dict[str, np.ndarray]) -> np.ndarray:
        kind, task = self.config["type"], self.config["task"]
        logits = self.wide(given)[np.newaxis] if kind == "linear" else self.deep(given)
        logits = logits + self.wide(given) if kind == "wide_and_deep" else logits
        if task == "multiclass":
            each = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
        else:
            each = 100 + 7 * logits if task == "regression" else 1 / (1 + np.exp(-logits))
        return each.mean(axis=0)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("task", TASKS)
def test_a_model_answers_as_feature_by_feature(task: str, kind: str, size: str) -> None:
    from components.trainer.matrices import Matrices

    if kind == "linear" and size != "one-hot":
        pytest.skip("a linear model has neither members nor an embedding")
    config, given = {"task": task, **TYPES[kind], **SIZES[size]}, features()
    model, rows = built(config, given), columns(given)
    answers = model(Matrices.of(given).pack(rows), training=False).numpy()
    scale = 100 if task == "regression" else 1
    np.testing.assert_allclose(answers / scale, ByHand(model, config, given)(rows) / scale, atol=1e-6)


def test_weights_start_within_the_limits_of_each_features_own_layer() -> None:
    import keras

    from components.trainer.config import ModelConfigSlice
    from components.trainer.models.build import build

    keras.utils.set_random_seed(1)
    given = features(200)
    config = {"type": "dense", "hidden": [6], "members": 1, "dropout": 0.0, "l2": 0.0}
    for embedding, width in ((None, 6), (3, 3)):
        chosen = ModelConfigSlice.model_validate({**config, "embedding": embedding})
        model = build(chosen, given, 1, {})
        kernel = next(v.numpy() for v in model.weights if v.path == "deep_bags/kernel")
        bags = [f for f in given if f.kind == "vector" and f.vocabulary]
        starts = np.cumsum([0, *(f.size for f in bags)])
        for size in (5, 2):
            rows = np.concatenate(
                [kernel[a : a + size] for a, f in zip(starts, bags, strict=False) if f.size == size]
            )
            limit = np.sqrt(6 / (size + width))
            assert 0.98 * limit < np.abs(rows).max() <= limit
            assert rows.std() == pytest.approx(limit / np.sqrt(3), rel=0.05)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("size", SIZES)
def test_one_more_feature_costs_no_operation(kind: str, size: str) -> None:
    import tensorflow as tf

    config = {"task": "binary", **TYPES[kind], **SIZES[size]}
    counts = []
    for copies in (1, 40):
        model = built(config, features(copies))
        specs = {name: tf.TensorSpec(tensor.shape, tensor.dtype) for name, tensor in model.input.items()}
        traced = tf.function(lambda given, model=model: model(given)).get_concrete_function(specs)
        counts.append((len(model.layers), len(traced.graph.get_operations())))
    assert counts[0] == counts[1]


def test_a_person_sees_features_by_name_as_they_were_before() -> None:
    from components.trainer.matrices import Matrices

    for chosen in itertools.chain([features()], ([f] for f in features())):
        matrices, rows = Matrices.of(chosen), columns(chosen)
        packed = matrices.pack(rows)
        assert {name: matrix.shape[1] for name, matrix in packed.items()} == matrices.widths
        seen = matrices.unpack(packed)
        assert seen.keys() == rows.keys()
        for name, column in rows.items():
            np.testing.assert_array_equal(seen[name], column)
            assert seen[name].dtype.as_numpy_dtype == column.dtype


def write_as_before_0_6(model: Any, given: list[Any], folder: Path) -> None:
    """Writes weights as earlier versions did: a layer for each bag, in another order."""
    weights: list[tuple[str, np.ndarray]] = []
    bags = [f for f in given if f.kind == "vector" and f.vocabulary]
    for variable in reversed(model.weights):
        part = variable.path.partition("_bags/kernel")
        if not part[1]:
            weights.append((variable.path, variable.numpy()))
            continue
        own = np.split(variable.numpy(), np.cumsum([f.size for f in bags])[:-1])
        weights += [(f"{part[0]}_{f.name}/kernel", rows) for f, rows in zip(bags, own, strict=True)]
    folder.mkdir()
    np.savez(folder / "weights.npz", **{str(at): array for at, (_, array) in enumerate(weights)})
    described = {
        "weights": [{"path": path, "shape": list(array.shape)} for path, array in weights],
        "features": [f.__dict__ for f in given],
    }
    (folder / "description.json").write_text(json.dumps(described))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("version", ["this one", "before 0.6"])
def test_a_warm_start_follows_words_within_tables_and_bags(tmp_path: Path, size: str, version: str) -> None:
    from dataclasses import replace

    from components.trainer import weights
    from components.trainer.matrices import Matrices

    config = {"task": "binary", **TYPES["wide and deep"], **SIZES[size]}
    given, rows = features(), columns(features())
    old = built(config, given)
    if version == "this one":
        weights.save(old, given, tmp_path / "keras")
    else:
        write_as_before_0_6(old, given, tmp_path / "keras")
    # Words trade places: x and z of the bag, x and y of the id.
    words = {"a0": ("z", "y", "x"), "c0": ("y", "x")}
    now = [replace(f, vocabulary=words.get(f.name, f.vocabulary)) for f in given]
    new = built(config, now)
    for variable in new.weights:
        variable.assign(np.zeros(variable.shape))
    outcome = weights.restore(new, now, tmp_path / "keras")
    assert outcome.used, outcome.reason
    moved = {**rows, "a0": rows["a0"][:, [2, 1, 0, 3, 4]], "c0": np.array([0, 2, 1, 3])[rows["c0"]]}
    np.testing.assert_allclose(
        new(Matrices.of(now).pack(moved)), old(Matrices.of(given).pack(rows)), atol=1e-6
    )


def test_a_warm_start_from_other_layers_says_so(tmp_path: Path) -> None:
    from components.trainer import weights

    given = features()
    old = built({"task": "binary", **TYPES["dense"], **SIZES["one-hot"]}, given)
    write_as_before_0_6(old, given, tmp_path / "keras")
    new = built({"task": "binary", **TYPES["wide and deep"], **SIZES["one-hot"]}, given)
    assert weights.restore(new, given, tmp_path / "keras").reason == "the layers differ"
