"""The label in the form the task needs; the one output that a user's ``preprocessing_fn`` does not decide."""

from __future__ import annotations

from typing import Literal

import tensorflow as tf

from components.transform.columns import Columns
from components.transform.positive import Positive, positive_values
from components.transform.vocabularies import MOST_WORDS, VocabularyRequest, lookup

Task = Literal["binary", "multiclass", "regression"]

LABEL_VOCABULARY = "label"
"""File of a multi-class label's values, most frequent first; the line number is the id."""


def binary(columns: Columns, label: str, positive: Positive) -> tf.Tensor:
    """Returns float32 ``[batch]``: 1 if the label is the positive value, otherwise 0, NaN if missing.

    Raises:
        SpecError: The positive value and the label differ in type.
    """
    values, there = columns.first(label)
    wanted = positive_values(label, positive, values.dtype == tf.string)
    hits = tf.reduce_any(tf.stack([tf.equal(values, tf.constant(w, values.dtype)) for w in wanted]), axis=0)
    return tf.where(there, tf.cast(hits, tf.float32), float("nan"))


def regression(columns: Columns, label: str) -> tf.Tensor:
    """Returns float32 ``[batch]``, NaN if the label is missing."""
    return tf.cast(columns.number(label, "label of a regression"), tf.float32)


def class_request(columns: Columns, label: str) -> VocabularyRequest:
    """Requests a vocabulary of a multi-class label's values."""
    return VocabularyRequest(LABEL_VOCABULARY, columns.word(label, "label"), MOST_WORDS, 1, 0)


def class_ids(request: VocabularyRequest, filename: tf.Tensor) -> tf.Tensor:
    """Returns int64 ``[batch]`` class ids; -1 if the label is missing or not in the train split."""
    ids, _ = lookup(request, filename)
    return tf.identity(ids)
