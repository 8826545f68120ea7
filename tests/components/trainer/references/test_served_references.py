"""The references that Trainer writes, loaded as TF Serving loads a model, against scikit-learn on the same rows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.components.trainer.references.test_fitting import FEATURES, make_split

pytestmark = pytest.mark.component

OUTPUT = {"binary": "probability", "multiclass": "probabilities", "regression": "prediction"}


def columns_of(graph: Any, examples: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the dense columns that a person would make of Transform's own outputs, and the labels."""
    import tensorflow as tf

    raw = tf.io.parse_example(examples, graph.raw_spec)
    packed = graph.output.transform_raw_features(raw)
    outputs = {name: tensor.numpy() for name, tensor in graph.matrices.unpack(packed).items()}
    parts = []
    for feature in graph.features:
        column = outputs[feature.name]
        parts.append(
            np.eye(feature.size)[column] if feature.kind == "id" else column.reshape(len(column), -1)
        )
    return np.hstack(parts).astype(np.float64), packed[graph.label].numpy()


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_served_references_are_scikit_learns(task, run_training, learners, small_graph) -> None:
    from sklearn.linear_model import LogisticRegression, Ridge

    from components import signature
    from components.trainer.references.fitting import STRENGTHS
    from components.trainer.transform_graph import TransformGraph
    from tests.components.conftest import LABEL_OF

    trained = run_training(task, steps=1)
    graph = TransformGraph(small_graph(task), LABEL_OF[task])
    rows = {split: [learners.serialize(d) for d in ds] for split, ds in learners.documents.items()}
    (x, y), (test, _) = columns_of(graph, rows["train"]), columns_of(graph, rows["test"])
    said = trained.history["references"]
    assert said["rows"] == len(y) and said["converged"] and said["strength"] in STRENGTHS
    # ``lessons_zscore`` has mean 0 and deviation 1 already, up to the missing values.
    place = next(i for i, f in enumerate(graph.features) if f.name == "lessons_zscore")
    at = sum(f.size for f in graph.features[:place])
    mean, deviation = x[:, at].mean(), x[:, at].std()
    x[:, at], test[:, at] = (x[:, at] - mean) / deviation, (test[:, at] - mean) / deviation
    folder = str(trained.serving.parent / "Format-References")
    served, as_written = (
        signature.ServingSignature(folder, rewritten=rewritten).predict(rows["test"])
        for rewritten in (True, False)
    )

    if task == "regression":
        wanted = Ridge(alpha=1 / said["strength"], solver="cholesky").fit(x, y).predict(test)
        constant = np.full(len(test), y.mean())
    else:
        model = LogisticRegression(C=said["strength"], tol=1e-9, max_iter=5000).fit(x, y.astype(int))
        wanted = model.predict_proba(test)
        wanted = wanted[:, 1] if task == "binary" else wanted
        prior = np.bincount(y.astype(int)) / len(y)
        constant = np.full(len(test), prior[1]) if task == "binary" else np.tile(prior, (len(test), 1))
    assert set(served) == {"constant", "linear"}
    np.testing.assert_allclose(served["constant"], constant, rtol=1e-6)
    np.testing.assert_allclose(served["linear"], wanted, atol=1e-5)
    np.testing.assert_allclose(as_written["linear"], served["linear"], rtol=1e-5)


def test_operations_and_numpy_agree_on_vectors_bags_and_odd_values() -> None:
    import tensorflow as tf

    from components.trainer.references.export import LinearOps
    from components.trainer.references.fitting import fit_references

    split = make_split(400, 0, "multiclass")
    linear = fit_references("multiclass", FEATURES, (split, split), 3, seed=0).linear
    assert linear
    odd = {name: column[:50].copy() for name, column in split.features.items()}
    odd["numbers"][:3, 0] = [np.nan, np.inf, 1e30]
    odd["ids"][3:5, 0] = [-1, 4]
    odd["numbers"][5, 1] = np.nan
    given = LinearOps(linear)(
        {n: tf.constant(c.astype(np.float32) if c.dtype == np.uint8 else c) for n, c in odd.items()}
    )
    np.testing.assert_allclose(given, linear.scores(linear.design.matrix(odd, np.arange(50))), rtol=1e-12)


def test_only_evaluator_sees_the_references(run_training) -> None:
    import tensorflow as tf

    trained: SimpleNamespace = run_training(steps=1)
    kept = {path.name for path in trained.serving.parent.iterdir()}
    assert kept == {"Format-Serving", "Format-References", "keras"}
    served = tf.saved_model.load(str(trained.serving))
    assert set(served.signatures) == {"serving_default", "serving_examples"}
    assert set(served.signatures["serving_examples"].structured_outputs) == {"probability"}
