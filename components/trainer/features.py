"""Descriptions of a model's inputs, which are the outputs of Transform."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

import tensorflow as tf
import tensorflow_transform as tft

from components.transform.layout import Layout
from foundation.errors import UserCodeError

FeatureKind = Literal["number", "id", "vector"]

LABEL_VOCABULARY = "label"


@dataclass(frozen=True)
class FeatureDescription:
    """One input of the model.

    Args:
        name: Name of the Transform output and of the model input.
        kind: ``number`` is float32 ``[batch]``; ``id`` is int64 ``[batch]`` from 0 to size - 1; ``vector`` is float32
            ``[batch, size]``.
        size: Number of ids, or width of the vector; 1 for a number.
        vocabulary: Words of an id or a multi-hot vector over a vocabulary, in id order.
        first_word: Id or position of the first word (id 0 means missing).
    """

    name: str
    kind: FeatureKind
    size: int
    vocabulary: tuple[str, ...] = ()
    first_word: int = 0


def describe(output: tft.TFTransformOutput, label: str) -> list[FeatureDescription]:
    """Describes the outputs of Transform without the label, sorted by name.

    Args:
        output: Transform's output.
        label: Name of the label.

    Raises:
        UserCodeError: An integer output has no known number of ids, or an output is sparse.
    """
    specs = output.transformed_feature_spec()
    domains = {
        f.name: f.int_domain for f in output.transformed_metadata.schema.feature if f.HasField("int_domain")
    }
    found = []
    for name in sorted(specs):
        if name != label:
            largest = domains[name].max if name in domains else None
            found.append(_describe_one(output, name, specs[name], largest))
    return found


def describe_columns(output: tft.TFTransformOutput, layout: Layout) -> list[FeatureDescription]:
    """Describes the columns of Transform's matrices, sorted by name.

    Args:
        output: Transform's output.
        layout: Its layout.
    """
    lines = output.vocabulary_by_name(layout.vocabulary) if layout.vocabulary else []
    words = layout.words(lines)
    return [
        FeatureDescription(
            column.name,
            "vector" if column.kind == "bag" else column.kind,
            column.size,
            words.get(column.name, ()),
            column.first_word,
        )
        for column in layout.columns
    ]


def _describe_one(
    output: tft.TFTransformOutput, name: str, spec: tf.io.FixedLenFeature, largest: int | None
) -> FeatureDescription:
    if not isinstance(spec, tf.io.FixedLenFeature):
        raise UserCodeError(f"Transform output {name!r}", expected="a dense tensor", seen=type(spec).__name__)
    width = int(spec.shape[0]) if spec.shape else 1
    words = read_vocabulary(output, name)
    if spec.dtype == tf.int64:
        if largest is None or (spec.shape and width != 1):
            raise UserCodeError(
                f"Transform output {name!r}",
                expected="one id per row, with a range known to Transform",
                seen=f"int64 of shape {spec.shape} without a range",
                remedy="make ids with tft.compute_and_apply_vocabulary or tft.bucketize, or cast to tf.float32",
            )
        return FeatureDescription(
            name, "id", largest + 1, words, first_word=1 if name.endswith("_vocabulary") else 0
        )
    return FeatureDescription(name, "vector" if spec.shape else "number", width, words)


def read_vocabulary(output: tft.TFTransformOutput, name: str) -> tuple[str, ...]:
    """Returns the words in the vocabulary file of that name; none if there is no such file."""
    try:
        path = output.vocabulary_file_by_name(name)
    except ValueError:
        return ()
    if not path or not os.path.exists(path):
        return ()
    return tuple(word.decode("utf-8", "replace") for word in output.vocabulary_by_name(name))
