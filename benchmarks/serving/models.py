"""The two models to serve, and the rows to send to every server."""

from __future__ import annotations

import itertools
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foundation.errors import DataError

WIDTH = 16
"""Features of the dense model."""

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Model:
    """A SavedModel and its inputs.

    Attributes:
        name: Its name in the table and in requests.
        folder: The SavedModel.
        dtypes: Input name → NumPy's name for its type; strings are ``object``.
        output: The name of its only output.
    """

    name: str
    folder: Path
    dtypes: dict[str, str]
    output: str

    def rows(self, count: int) -> list[Any]:
        """Returns rows as TF Serving's ``instances``: plain values if there is one input."""
        return [_dense_row(i) if self.name == "dense" else _learner(i) for i in range(count)]

    def columns(self, count: int) -> dict[str, list[Any]]:
        """Returns the same rows by input."""
        rows = self.rows(count)
        if self.name == "dense":
            return {"x": rows}
        return {name: [row[name] for row in rows] for name in self.dtypes}


def _dense_row(i: int) -> list[float]:
    return [((i * 31 + j * 17) % 100) / 50.0 - 1.0 for j in range(WIDTH)]


def _learner(i: int) -> dict[str, Any]:
    return {
        "age": 18 + i % 50,
        "country": ("US", "BR", "DE", "JP")[i % 4],
        "days_idle": i % 9,
        "device": ("ios", "android", "web")[i % 3],
        "goal": "Talk with my family",
        "interests": ["music", "films"],
        "lessons": 1 + i % 12,
        "mean_score": 0.5 + (i % 5) / 16.0,
        "minutes": 46.5 + i,
        "notifications": i % 2,
        "plan": ("free", "plus")[i % 2],
        "referrer": "friend",
        "signup_at": 1740186000000 + i * 86_400_000,
        "streak": i % 7,
        "topics": ["basics", "travel"],
    }


LEARNER_DTYPES = {
    name: {int: "int64", float: "float32", str: "object", list: "object"}[type(value)]
    for name, value in _learner(0).items()
}


def dense_model(folder: Path) -> Model:
    """Writes the dense model (16 → 64 → 64 → 1) unless it is there."""
    if not (folder / "saved_model.pb").exists():
        subprocess.run([sys.executable, __file__, str(folder)], check=True)
    return Model("dense", folder, {"x": "float32"}, "y")


def learner_model(folder: Path | None) -> Model:
    """Finds the model that the example pushed, which includes Transform's graph.

    Raises:
        DataError: There is no such model.
    """
    pushed = ROOT / "examples" / "learner_retention" / "serving_models"
    found = [folder] if folder else [p.parent for p in pushed.glob("**/saved_model.pb")]
    found = [p for p in found if (p / "saved_model.pb").exists()]
    if not found:
        raise DataError(str(folder or pushed), expected="a SavedModel", seen="none", remedy="run `make demo`")
    newest = max(found, key=lambda p: (p / "saved_model.pb").stat().st_mtime)
    return Model("learners", newest, LEARNER_DTYPES, "probability")


def _write_dense(folder: Path) -> None:
    import tensorflow as tf

    class Dense(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            sizes = (WIDTH, 64, 64, 1)
            random = tf.random.Generator.from_seed(1)
            pairs = list(itertools.pairwise(sizes))
            self.weights = [tf.Variable(random.normal(pair, stddev=0.2)) for pair in pairs]
            self.biases = [tf.Variable(tf.zeros([n])) for n in sizes[1:]]

        @tf.function(input_signature=[tf.TensorSpec([None, WIDTH], tf.float32, name="x")])
        def serve(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
            for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
                x = tf.nn.relu(tf.matmul(x, weight) + bias)
            return {"y": tf.matmul(x, self.weights[-1]) + self.biases[-1]}

    model = Dense()
    tf.saved_model.save(model, str(folder), signatures=model.serve)


if __name__ == "__main__":
    _write_dense(Path(sys.argv[1]))
