"""``vocabulary``: ids of the most frequent values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from components.transform.transformations.base import CATEGORIES, CountedKind
from foundation.config import Config

if TYPE_CHECKING:
    import tensorflow as tf

    from components.transform.columns import Columns
    from components.transform.vocabularies import VocabularyRequest


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

    def request(
        self, columns: Columns, feature: str, name: str, settings: VocabularyConfig
    ) -> VocabularyRequest:
        """Requests a vocabulary of a field's first values."""
        from components.transform.vocabularies import VocabularyRequest

        word = columns.word(feature, "vocabulary")
        return VocabularyRequest(name, word, settings.top_k, settings.min_count, settings.oov_buckets)

    def look_up(self, request: VocabularyRequest, filename: tf.Tensor) -> tf.Tensor:
        """Returns int64 ``[batch]``: 0 for missing, then the vocabulary by frequency, then ids for unknown values."""
        from components.transform.tensors import as_ids, where_given
        from components.transform.vocabularies import lookup

        ids, size = lookup(request, filename)
        return as_ids(where_given(request.values, ids + 1), size + 1)
