"""A SavedModel with the two signatures of the models that Penstock pushes: raw features, and serialized examples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

NO_INTEGER = -(2**63)


def retention(path: Path) -> Path:
    """Writes it. ``probability`` counts the values present: 0.1 a lesson, 0.01 a minute, 1 a tag, 10 for a country."""
    import tensorflow as tf

    class Retention(tf.Module):
        @tf.function(
            input_signature=[
                tf.TensorSpec([None], tf.string, name="country"),
                tf.TensorSpec([None], tf.int64, name="lessons"),
                tf.TensorSpec([None], tf.float32, name="minutes"),
                tf.TensorSpec([None, None], tf.string, name="tags"),
            ]
        )
        def features(self, country: Any, lessons: Any, minutes: Any, tags: Any) -> dict[str, Any]:
            count = tf.where(lessons == NO_INTEGER, tf.zeros_like(lessons), lessons)
            known = tf.where(tf.math.is_nan(minutes), tf.zeros_like(minutes), minutes)
            labels = tf.reduce_sum(tf.cast(tags != "", tf.float32), axis=1)
            home = tf.cast(country != "", tf.float32)
            value = 0.1 * tf.cast(count, tf.float32) + 0.01 * known + labels + 10.0 * home
            return {"probability": value}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
        def parsed(self, examples: Any) -> dict[str, Any]:
            spec = {
                "country": tf.io.FixedLenFeature([], tf.string, ""),
                "lessons": tf.io.FixedLenFeature([], tf.int64, NO_INTEGER),
                "minutes": tf.io.FixedLenFeature([], tf.float32, float("nan")),
                "tags": tf.io.FixedLenSequenceFeature([], tf.string, allow_missing=True, default_value=""),
            }
            return self.features(**tf.io.parse_example(examples, spec))

    module = Retention()
    signatures = {"serving_default": module.features, "serving_examples": module.parsed}
    tf.saved_model.save(module, str(path), signatures=signatures)
    return path
