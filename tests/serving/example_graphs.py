"""A SavedModel that takes serialized ``tf.Example``, with a signature for each way to follow or break the rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.serving.graphs import CLASSIFY, PREDICT, REGRESS, placeholder, signature, write

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def _parsed() -> tuple[Any, dict[str, Any]]:
    import tensorflow as tf

    serialized = placeholder("string", name="examples")
    features = tf.io.parse_example(
        serialized,
        {
            "x": tf.io.FixedLenFeature([], tf.float32, 0.0),
            "n": tf.io.FixedLenFeature([], tf.int64, 0),
            "s": tf.io.FixedLenFeature([], tf.string, ""),
        },
    )
    return serialized, features


def _good(serialized: Any, features: Mapping[str, Any]) -> dict[str, Any]:
    import tensorflow as tf

    x = features["x"] + tf.cast(features["n"], tf.float32)
    rows = tf.shape(x)[0]
    classes = tf.tile([["low", "high"]], [rows, 1])
    scores = tf.stack([x, 2.0 * x], 1)
    value = x / 2.0 + 2.0
    inputs = {"inputs": serialized}
    labels = tf.expand_dims(features["s"], 1)
    return {
        "serving_default": signature(inputs, {"outputs": value}, REGRESS),
        "regress": signature(inputs, {"outputs": value}, REGRESS),
        "regress_column": signature(inputs, {"outputs": value[:, None]}, REGRESS),
        "regress_by_predict": signature(inputs, {"outputs": value}, PREDICT),
        "classify": signature(inputs, {"classes": classes, "scores": scores}, CLASSIFY),
        "classify_by_predict": signature(inputs, {"classes": classes, "scores": scores}, PREDICT),
        "classes_only": signature(inputs, {"classes": classes}, CLASSIFY),
        "scores_only": signature(inputs, {"scores": scores}, CLASSIFY),
        "echo": signature(inputs, {"classes": labels, "scores": x[:, None]}, CLASSIFY),
        "predict": signature(inputs, {"y": value}, PREDICT),
        "any_method": signature(inputs, {"outputs": value}, "somewhere/else"),
    }


def _bad(serialized: Any, features: Mapping[str, Any]) -> dict[str, Any]:
    import tensorflow as tf

    x = features["x"]
    inputs = {"inputs": serialized}
    scores = tf.stack([x, x], 1)
    classes = tf.as_string(scores)
    value = {"outputs": x}
    other = placeholder("string", name="other")
    return {
        "input_misnamed": signature({"examples": serialized}, value, REGRESS),
        "two_inputs": signature({"inputs": serialized, "other": other}, value, REGRESS),
        "classify_misnamed": signature(inputs, {"probabilities": scores}, CLASSIFY),
        "classify_three": signature(inputs, {"classes": classes, "scores": scores, "more": x}, CLASSIFY),
        "classify_extra": signature(inputs, {"scores": scores, "more": x}, CLASSIFY),
        "classify_integers": signature(inputs, {"scores": tf.cast(scores, tf.int32)}, CLASSIFY),
        "classify_flat": signature(inputs, {"scores": x}, CLASSIFY),
        "classify_uneven": signature(inputs, {"classes": classes, "scores": scores[:, :1]}, CLASSIFY),
        "classify_short": signature(inputs, {"scores": tf.constant([[0.5, 0.5]])}, CLASSIFY),
        "regress_misnamed": signature(inputs, {"y": x}, REGRESS),
        "regress_two": signature(inputs, {"outputs": x, "y": x}, REGRESS),
        "regress_wide": signature(inputs, {"outputs": scores}, REGRESS),
        "regress_integers": signature(inputs, {"outputs": tf.cast(x, tf.int64)}, REGRESS),
        "regress_short": signature(inputs, {"outputs": tf.constant([0.5])}, REGRESS),
    }


def examples(path: Path) -> Path:
    """Classify and regress signatures, good and bad; ``y = (x + n) / 2 + 2``, scores ``x + n`` and its double."""

    def build() -> Mapping[str, Any]:
        serialized, features = _parsed()
        return _good(serialized, features) | _bad(serialized, features)

    def initialise() -> Any:
        import tensorflow as tf

        return tf.no_op()

    return write(path, build, main_op=initialise)
