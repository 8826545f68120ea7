"""``bag`` and ``text``: multi-hot vectors of an array's items, or of a text's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from components.transform.transformations.base import CATEGORIES, CountedKind, Types
from components.transform.transformations.vocabulary import VocabularyConfig
from foundation.config import Config
from foundation.errors import SpecError

if TYPE_CHECKING:
    import tensorflow as tf

    from components.transform.columns import Columns
    from components.transform.vocabularies import VocabularyRequest

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

    def request(self, columns: Columns, feature: str, name: str, settings: BagConfig) -> VocabularyRequest:
        """Requests a vocabulary of an array's items."""
        from components.transform.vocabularies import VocabularyRequest

        items = columns.words(feature, "bag")
        return VocabularyRequest(name, items, settings.top_k, settings.min_count, settings.oov_buckets)

    def look_up(self, request: VocabularyRequest, filename: tf.Tensor) -> tf.Tensor:
        """Returns float32 ``[batch, top_k + oov_buckets]``: 1 for each item in the row, all 0 if it has none."""
        return _multi_hot(request, filename)


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

    def request(self, columns: Columns, feature: str, name: str, settings: TextConfig) -> VocabularyRequest:
        """Requests a vocabulary of a text's words: lower case, split at anything but letters and digits.

        Raises:
            SpecError: The feature is a number.
        """
        import tensorflow as tf

        from components.transform.vocabularies import VocabularyRequest

        text = columns.items(feature)
        if text.dtype != tf.string:
            remedy = "use zscore or buckets"
            raise SpecError(f"features.{feature}: text", expected="text", seen="numbers", remedy=remedy)
        lower = tf.strings.lower(text.values, encoding="utf-8")
        words = tf.strings.split(tf.strings.regex_replace(lower, _NOT_A_WORD, " "))
        flat = words.flat_values
        rows = tf.gather(text.indices[:, 0], words.value_rowids())
        places = tf.range(tf.size(flat, tf.int64))
        shape = tf.stack([text.dense_shape[0], tf.maximum(tf.size(flat, tf.int64), 1)])
        sparse = tf.SparseTensor(tf.stack([rows, places], axis=1), flat, shape)
        return VocabularyRequest(name, sparse, settings.top_k, 1, settings.oov_buckets)

    def look_up(self, request: VocabularyRequest, filename: tf.Tensor) -> tf.Tensor:
        """Returns float32 ``[batch, top_k + oov_buckets]``: 1 for each word in the text."""
        return _multi_hot(request, filename)


def _multi_hot(request: VocabularyRequest, filename: tf.Tensor) -> tf.Tensor:
    import tensorflow as tf

    from components.transform.vocabularies import lookup

    ids, _ = lookup(request, filename)
    width = request.top_k + request.oov_buckets
    places = tf.stack([request.words.indices[:, 0], ids], axis=1)
    shape = tf.stack([request.words.dense_shape[0], tf.constant(width, tf.int64)])
    counted = tf.scatter_nd(places, tf.ones_like(ids, tf.float32), shape)
    return tf.ensure_shape(tf.minimum(counted, 1.0), [None, width])
