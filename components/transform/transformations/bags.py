"""``bag`` and ``text``: multi-hot vectors of an array's items, or of a text's words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from components.transform.transformations.base import CATEGORIES, CountedKind, Limits, Types
from components.transform.transformations.vocabulary import VocabularyConfig
from foundation.config import Config

if TYPE_CHECKING:
    from components.transform.fields import Fields, Words

_NOT_A_WORD = r"[^\p{L}\p{N}]+"


class BagConfig(VocabularyConfig):
    """Turns an array's items into a multi-hot vector over a vocabulary."""


class TextConfig(Config):
    """Lower-cases text, splits it into words, and makes a bag of the most frequent ones."""

    top_k: int = Field(default=1000, ge=1)
    """Number of words to keep."""
    oov_buckets: int = Field(default=1, ge=1)
    """Number of ids shared by unknown words."""


class Bag(CountedKind):
    """The items of an array."""

    description = "Bag of the items of an array."
    settings = BagConfig
    short = "top_k"
    types = CATEGORIES
    of_array = True
    gives = "bag"

    def size(self, part: str, settings: BagConfig, words: int) -> int:
        """Returns the width, which does not depend on the data."""
        return settings.top_k + settings.oov_buckets

    def words(self, fields: Fields, features: Sequence[str]) -> Words:
        """Returns the items."""
        return fields.items(features, "bag")

    def limits(self, settings: BagConfig) -> Limits:
        """Returns the settings."""
        return Limits(settings.top_k, settings.min_count, settings.oov_buckets)


class Text(CountedKind):
    """The words of a text."""

    description = "Bag of the most frequent words."
    settings = TextConfig
    short = "top_k"
    types = Types("text takes a string", only=frozenset({"string"}))
    gives = "bag"

    def size(self, part: str, settings: TextConfig, words: int) -> int:
        """Returns the width, which does not depend on the data."""
        return settings.top_k + settings.oov_buckets

    def words(self, fields: Fields, features: Sequence[str]) -> Words:
        """Returns the words: lower case, split at anything but letters and digits.

        Raises:
            SpecError: A feature is a number.
        """
        import tensorflow as tf

        from components.transform.fields import Words

        texts = fields.texts(features, "text")
        lower = tf.strings.lower(texts.values, encoding="utf-8")
        words = tf.strings.split(tf.strings.regex_replace(lower, _NOT_A_WORD, " "))
        text_of_word = words.value_rowids()
        rows, numbers = tf.gather(texts.rows, text_of_word), tf.gather(texts.fields, text_of_word)
        return Words(rows, numbers, words.flat_values)

    def limits(self, settings: TextConfig) -> Limits:
        """Returns the settings; every word counts, however rare."""
        return Limits(settings.top_k, 1, settings.oov_buckets)
