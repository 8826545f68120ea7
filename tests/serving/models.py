"""Small SavedModels for the serving tests, each built on first use, once per session.

``python -m tests.serving.models FOLDER [NAME ...]`` writes them to ``FOLDER/NAME/1``, for use by hand.
"""

from __future__ import annotations

import os
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundation.lock import locked
from tests.serving import example_graphs, graphs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

WARMUP = "assets.extra/tf_serving_warmup_requests"


def half_plus(offset: float, path: Path) -> Path:
    """A TF2 module, ``y = x / 2 + offset``, as ``tf.saved_model.save`` writes it."""
    import tensorflow as tf

    class Half(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.half = tf.Variable(0.5)
            self.offset = tf.Variable(offset)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
        def serve(self, x: Any) -> dict[str, Any]:
            return {"y": self.half * x + self.offset}

    module = Half()
    tf.saved_model.save(module, str(path), signatures={"serving_default": module.serve})
    return path


def tf2_examples(path: Path) -> Path:
    """A TF2 module whose signatures for examples each have a placeholder of their own, as TF2 writes them."""
    import tensorflow as tf

    text = [tf.TensorSpec([None], tf.string, name="inputs")]

    def numbers(serialized: Any) -> Any:
        return tf.io.parse_example(serialized, {"x": tf.io.FixedLenFeature([1], tf.float32)})["x"]

    class Model(tf.Module):
        @tf.function(input_signature=text)
        def regress(self, inputs: Any) -> dict[str, Any]:
            return {"outputs": numbers(inputs) + 1.0}

        @tf.function(input_signature=text)
        def classify(self, inputs: Any) -> dict[str, Any]:
            return {"scores": numbers(inputs) * [[1.0, 2.0]]}

    model = Model()
    signatures = {"regress": model.regress, "classify": model.classify}
    tf.saved_model.save(model, str(path), signatures=signatures)
    return path


BUILDERS: dict[str, Callable[[Path], Path]] = {
    "half_plus_two": partial(half_plus, 2.0),
    "half_plus_three": partial(half_plus, 3.0),
    "types": graphs.types,
    "arithmetic": graphs.arithmetic,
    "failing": graphs.failing,
    "counter": graphs.counter,
    "slow": graphs.slow,
    "slow_loading": graphs.slow_loading(2500, 7.0),
    "heavy": graphs.heavy,
    "memory": partial(graphs.heavy, nodes=1, megabytes=192),
    "batches": graphs.batches,
    "tagged": graphs.tagged,
    "examples": example_graphs.examples,
    "tf2_examples": tf2_examples,
    **{f"constant_{value}": graphs.constant(float(value)) for value in range(10)},
}


class ModelLibrary:
    """The models under a folder, by name: ``library["half_plus_two"]`` is the path of one SavedModel.

    Args:
        root: The folder to write them to; each test session needs its own.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def __getitem__(self, name: str) -> Path:
        path = self.root / name
        with locked(self.root / f"{name}.lock"):
            if not path.exists():
                BUILDERS[name](self.root / f"{name}.new").rename(path)
        return path

    def place(self, name: str, base: Path, version: int | str = 1) -> Path:
        """Publishes model ``name`` as a version directory under ``base``, atomically.

        Files are hard links: replace one, never write into it.
        """
        return place(self[name], base, version)


def place(model: Path, base: Path, version: int | str = 1) -> Path:
    """Publishes a SavedModel as ``base/version`` with a linked copy next to ``base`` and a rename."""
    base.mkdir(parents=True, exist_ok=True)
    coming = base.parent / f".coming-{base.name}-{version}"
    shutil.copytree(model, coming, copy_function=os.link)
    return coming.rename(base / str(version))


def write_warmup(version: Path, logs: Iterable[bytes]) -> Path:
    """Writes serialized PredictionLogs as a version directory's warmup file."""
    import tensorflow as tf

    path = version / WARMUP
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for log in logs:
            writer.write(log)
    return path


def main(folder: str, *names: str) -> None:
    for name in names or BUILDERS:
        place(ModelLibrary(Path(folder) / ".built")[name], Path(folder) / name)


if __name__ == "__main__":
    main(*sys.argv[1:])
