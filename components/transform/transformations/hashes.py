"""``hash`` and ``cross``: ids by the hash of one value or several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from components.transform.transformations.base import CATEGORIES, Asked, DirectKind
from foundation.config import Config

if TYPE_CHECKING:
    import tensorflow as tf

    from components.transform.fields import Fields

_SEPARATOR = "\x1f"


class CrossConfig(Config):
    """Turns this field and others into one hashed id."""

    with_: list[str] = Field(alias="with", min_length=1)
    """The other fields."""
    hash_buckets: int = Field(default=1000, ge=2)
    """Number of ids that crossed values are hashed into."""


class Hash(DirectKind):
    """The hash of a value."""

    description = "Hash of the value into this many ids."
    settings = int
    bounds = {"ge": 2}
    types = CATEGORIES
    gives = "id"

    def size(self, part: str, settings: int, words: int) -> int:
        """Returns one id for each bucket, and one for missing."""
        return settings + 1

    def compute(self, fields: Fields, asked: Sequence[Asked]) -> tf.Tensor:
        """Returns ids 1 to the number of buckets by the value's hash, 0 if missing."""
        import tensorflow as tf

        words = fields.words([one.feature for one in asked], "hash")
        return _hashed(words, tf.equal(words, ""), [one.settings for one in asked])


class Cross(DirectKind):
    """The hash of several fields together."""

    description = "Hash of this field together with others."
    settings = CrossConfig
    types = CATEGORIES
    gives = "id"

    def size(self, part: str, settings: CrossConfig, words: int) -> int:
        """Returns one id for each bucket, and one for missing."""
        return settings.hash_buckets + 1

    def others(self, settings: CrossConfig) -> list[str]:
        """Returns the fields that are crossed with this one."""
        return settings.with_

    def compute(self, fields: Fields, asked: Sequence[Asked]) -> tf.Tensor:
        """Returns ids 1 to ``hash_buckets`` by the hash of several fields together.

        A missing field counts as a value of its own; if all are missing the id is 0.
        """
        import tensorflow as tf

        crossed = [[one.feature, *one.settings.with_] for one in asked]
        parts, order = [], []
        for size in sorted({len(names) for names in crossed}):
            mine = [index for index, names in enumerate(crossed) if len(names) == size]
            parts.append(_joined(fields, [crossed[index] for index in mine]))
            order += mine
        words, nothing = (tf.concat(some, axis=1) for some in zip(*parts, strict=True))
        ids = _hashed(words, nothing, [asked[index].settings.hash_buckets for index in order])
        return tf.gather(ids, [order.index(index) for index in range(len(asked))], axis=1)


def _joined(fields: Fields, crossed: list[list[str]]) -> tuple[tf.Tensor, tf.Tensor]:
    """Joins the words of each group of equally many fields.

    Returns:
        string ``[batch, groups]``, and bool ``[batch, groups]`` whether all words are missing.
    """
    import tensorflow as tf

    size = len(crossed[0])
    words = fields.words([name for names in crossed for name in names], "cross")
    grouped = tf.reshape(words, tf.stack([tf.shape(words)[0], len(crossed), size]))
    joined = tf.strings.reduce_join(grouped, axis=2, separator=_SEPARATOR)
    return joined, tf.equal(joined, _SEPARATOR * (size - 1))


def _hashed(words: tf.Tensor, missing: tf.Tensor, buckets: list[int]) -> tf.Tensor:
    """Returns ids ``[batch, n]``: 1 to the number of buckets of each column, 0 if missing."""
    import tensorflow as tf

    from components.transform.tensors import hash_into

    ids = 1 + hash_into(words, tf.constant(buckets, tf.int64))
    return tf.where(missing, tf.zeros_like(ids), ids)
