"""``vocabulary``: ids of the most frequent values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from components.transform.transformations.base import CATEGORIES, CountedKind, Limits
from foundation.config import Config

if TYPE_CHECKING:
    from components.transform.fields import Fields, Words


class VocabularyConfig(Config):
    """Turns string or integer values into ids by frequency."""

    top_k: int = Field(default=1000, ge=1)
    """Number of values to keep."""
    oov_buckets: int = Field(default=1, ge=1)
    """Number of ids shared, by hash, by values outside the vocabulary."""
    min_count: int = Field(default=1, ge=1)
    """How often a value must occur to be kept."""


class Vocabulary(CountedKind):
    """The id of a field's first value."""

    description = "Ids of the most frequent values."
    settings = VocabularyConfig
    short = "top_k"
    types = CATEGORIES
    gives = "id"
    first_word = 1

    def size(self, part: str, settings: VocabularyConfig, words: int) -> int:
        """Returns one id for each word, those for unknown words, and one for missing."""
        return words + settings.oov_buckets + 1

    def words(self, fields: Fields, features: Sequence[str]) -> Words:
        """Returns the first value of each row, empty if missing: the id of the empty word is 0."""
        import tensorflow as tf

        from components.transform.fields import Words

        values = fields.words(features, "vocabulary")
        batch = tf.shape(values, tf.int64)[0]
        rows = tf.repeat(tf.range(batch), len(features))
        numbers = tf.tile(tf.range(len(features), dtype=tf.int64), batch[tf.newaxis])
        return Words(rows, numbers, tf.reshape(values, [-1]))

    def limits(self, settings: VocabularyConfig) -> Limits:
        """Returns the settings."""
        return Limits(settings.top_k, settings.min_count, settings.oov_buckets)
