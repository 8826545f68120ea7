"""Writes small SavedModels, one per version, whose answers tell which version computed them.

python soak_model.py FOLDER COUNT
"""

from __future__ import annotations

import sys


def write(folder: str, count: int) -> None:
    """Writes the versions 1 to ``count`` into ``folder``."""
    import tensorflow as tf

    class Model(tf.Module):
        def __init__(self, version: int) -> None:
            super().__init__()
            self.version = version
            self.weights = tf.Variable(tf.ones([4, 1]))

        @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, name="x")])
        def predict(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
            version = tf.fill([tf.shape(x)[0]], tf.constant(self.version, tf.int64))
            return {"y": tf.matmul(x, self.weights), "version": version}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
        def classify(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
            x = tf.io.parse_example(inputs, {"x": tf.io.FixedLenFeature([1], tf.float32)})["x"]
            return {"classes": tf.fill(tf.shape(x), str(self.version)), "scores": x}

    for version in range(1, count + 1):
        model = Model(version)
        signatures = {"serving_default": model.predict, "classify": model.classify}
        tf.saved_model.save(model, f"{folder}/{version}", signatures=signatures)


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]))
