"""A small SavedModel with one signature per kind of request; as a script, writes it into a folder."""

from __future__ import annotations

import sys


def write(folder: str) -> None:
    """Writes the model."""
    import tensorflow as tf

    def spec(dtype: tf.DType, name: str, *shape: int | None) -> tf.TensorSpec:
        return tf.TensorSpec([None, *shape], dtype, name=name)

    class Model(tf.Module):
        @tf.function(input_signature=[spec(tf.float32, "x", 4)])
        def numbers(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"y": tf.matmul(x, tf.ones([4, 1]))}

        @tf.function(
            input_signature=[
                spec(tf.int64, "a"), spec(tf.string, "b"), spec(tf.bool, "c"), spec(tf.float64, "d"),
                spec(tf.uint8, "e"),
            ]
        )  # fmt: skip
        def mixed(
            self, a: tf.Tensor, b: tf.Tensor, c: tf.Tensor, d: tf.Tensor, e: tf.Tensor
        ) -> dict[str, tf.Tensor]:
            return {"a": a, "b": b, "b_bytes": b, "c": c, "d": d, "e": e}

        @tf.function(input_signature=[spec(tf.string, "inputs")])
        def classify(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
            scores = self._parse(inputs)
            classes = tf.tile(tf.constant([["no", "yes"]]), [tf.shape(scores)[0], 1])
            return {"classes": classes, "scores": tf.concat([1.0 - scores, scores], 1)}

        @tf.function(input_signature=[spec(tf.string, "inputs")])
        def regress(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"outputs": self._parse(inputs)}

        def _parse(self, inputs: tf.Tensor) -> tf.Tensor:
            features = {"x": tf.io.FixedLenFeature([1], tf.float32), "n": tf.io.VarLenFeature(tf.int64)}
            return tf.io.parse_example(inputs, features)["x"]

    model = Model()
    signatures = {
        "serving_default": model.numbers,
        "mixed": model.mixed,
        "classify": model.classify,
        "regress": model.regress,
    }
    tf.saved_model.save(model, folder, signatures=signatures)


if __name__ == "__main__":
    write(sys.argv[1])
