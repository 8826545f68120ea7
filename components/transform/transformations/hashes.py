"""``hash`` and ``cross``: ids by the hash of one value or several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from components.transform.transformations.base import CATEGORIES, DirectKind
from foundation.config import Config

if TYPE_CHECKING:
    import tensorflow as tf

    from components.transform.columns import Columns

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

    def compute(self, columns: Columns, feature: str, settings: int) -> list[tf.Tensor]:
        """Returns ids 1 to ``settings`` by the value's hash, 0 if missing."""
        import tensorflow_transform as tft

        from components.transform.tensors import as_ids, where_given

        word = columns.word(feature, "hash")
        return [as_ids(where_given(word, 1 + tft.hash_strings(word, settings)), settings + 1)]


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

    def compute(self, columns: Columns, feature: str, settings: CrossConfig) -> list[tf.Tensor]:
        """Returns ids 1 to ``hash_buckets`` by the hash of several fields together.

        A missing field counts as a value of its own; if all are missing the id is 0.
        """
        import tensorflow as tf
        import tensorflow_transform as tft

        from components.transform.tensors import as_ids

        words = [columns.word(name, "cross") for name in [feature, *settings.with_]]
        joined = tf.strings.join(words, separator=_SEPARATOR)
        ids = 1 + tft.hash_strings(joined, settings.hash_buckets)
        nothing = tf.equal(joined, _SEPARATOR * (len(words) - 1))
        return [as_ids(tf.where(nothing, tf.zeros_like(ids), ids), settings.hash_buckets + 1)]
