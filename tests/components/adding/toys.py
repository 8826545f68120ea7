"""A transformation, a model type and a metric, added as docs/adding.md describes: one object each, registered once."""

from __future__ import annotations

from typing import Any

from components.evaluator.metrics import METRICS, SumsMetric
from components.evaluator.metrics.base import mean_of
from components.trainer.models import MODEL_TYPES, ModelType
from components.transform.transformations import TRANSFORMATIONS, DirectKind
from components.transform.transformations.base import NUMBERS


class Times(DirectKind):
    """A multiple of a number."""

    description = "The number, this many times."
    settings = int
    bounds = {"ge": 2}
    types = NUMBERS

    def compute(self, fields: Any, asked: Any) -> Any:
        import tensorflow as tf

        from components.transform.tensors import without_nan

        times = tf.constant([one.settings for one in asked], tf.float64)
        numbers = fields.numbers([one.feature for one in asked], "times")
        return tf.cast(times * without_nan(numbers), tf.float32)


def bias_logits(config: Any, matrices: Any, inputs: Any, units: int) -> Any:
    import keras

    from components.trainer.models.parts import numbers

    return keras.layers.Dense(units, kernel_initializer="zeros", name="only_a_bias")(numbers(inputs))


TRANSFORMATIONS["times"] = Times()
MODEL_TYPES["bias"] = ModelType(bias_logits, keys=("l2",))
METRICS["surprises"] = SumsMetric(
    tasks=("binary",),
    higher_is_better=False,
    is_share=True,
    label="Surprises",
    value=mean_of("surprise"),
    sums={"surprise": lambda labels, predictions: abs(labels - predictions) > 0.9},
)
