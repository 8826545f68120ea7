"""Base classes of transformations. Light to import: TensorFlow is loaded when one is computed.

A transformation is computed for all of its features at once, so that one more of them adds columns and no operations.
There are three kinds: those without an analyzer, those that share one with others, and those whose vocabularies are
all counted together.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

if TYPE_CHECKING:
    import tensorflow as tf

    from components.transform.fields import Fields, Words

ColumnKind = Literal["number", "id", "bag"]
"""What an output is: float32 ``[batch]``, int64 ``[batch]`` counting from 0, or float32 ``[batch, size]`` of 0 and 1."""


@dataclass(frozen=True)
class Types:
    """The declared field types that a transformation accepts.

    Attributes:
        remedy: What to do about other types.
        never: Types it rejects.
        only: Types it accepts; empty if ``never`` suffices.
    """

    remedy: str = ""
    never: frozenset[str] = frozenset()
    only: frozenset[str] = frozenset()

    def take(self, declared: str | None) -> bool:
        """Returns whether a field of the declared type, or without one, can be transformed."""
        return declared is None or (declared not in self.never and (not self.only or declared in self.only))


TEXT = frozenset({"string", "bytes"})
ANYTHING = Types()
NUMBERS = Types("use vocabulary or hash, or declare a number", never=TEXT)
CATEGORIES = Types("use buckets, or declare int or string", never=frozenset({"float"}))


@dataclass(frozen=True)
class Asked:
    """A feature to transform.

    Attributes:
        feature: The feature.
        settings: The settings in the document.
    """

    feature: str
    settings: Any


class Kind(ABC):
    """A kind of transformation.

    Attributes:
        description: What it does, for the JSON Schema and the reference.
        settings: Type of its settings in the document.
        bounds: Bounds of that value, as arguments of pydantic's ``Field``.
        short: The setting that a bare number sets; a kind with one can be named without settings.
        types: The declared field types it accepts.
        of_array: Whether it reads all items of an array.
        gives: What each of its outputs is.
        first_word: Id or position of the first word, if it has a vocabulary.
    """

    description: ClassVar[str]
    settings: ClassVar[Any] = Literal[True]
    bounds: ClassVar[Mapping[str, Any]] = {}
    short: ClassVar[str] = ""
    types: ClassVar[Types] = ANYTHING
    of_array: ClassVar[bool] = False
    gives: ClassVar[ColumnKind] = "number"
    first_word: ClassVar[int] = 0

    @property
    def needs_a_value(self) -> bool:
        """Whether the name alone is not enough."""
        return self.settings != Literal[True] and not self.short

    def others(self, settings: Any) -> list[str]:
        """Returns the other features it reads, which the document lists under the setting ``with``."""
        return []

    def parts(self, kind: str, settings: Any) -> list[str]:
        """Returns the suffixes of its outputs' names; by default there is one, the kind."""
        return [kind]

    def size(self, part: str, settings: Any, words: int) -> int:
        """Returns the number of ids, or the width of the bag; 1 for a number.

        Args:
            part: One of the ``parts``.
            settings: Its settings in the document.
            words: Number of words in its vocabulary; 0 without one.
        """
        return 1


class DirectKind(Kind):
    """A transformation that does not need to analyse the whole data."""

    @abstractmethod
    def compute(self, fields: Fields, asked: Sequence[Asked]) -> tf.Tensor:
        """Transforms several features, if possible with as many operations as one.

        Args:
            fields: The raw fields.
            asked: The features and their settings.

        Returns:
            float32 numbers or int64 ids ``[batch, columns]``: for each of ``asked`` in turn a column for each of its
            ``parts``.
        """


class AnalysedKind(Kind):
    """A transformation by a numeric statistic; kinds with the same ``analyse`` and settings share an analyzer."""

    @abstractmethod
    def numbers(self, fields: Fields, features: Sequence[str]) -> tf.Tensor:
        """Returns the numbers to analyse: float64 ``[batch, features]``, NaN if missing."""

    @abstractmethod
    def analyse(self, numbers: tf.Tensor, settings: Any) -> tf.Tensor:
        """Transforms the numbers of several features with one analyzer.

        Args:
            numbers: float64 ``[batch, n]``, NaN if missing.
            settings: The settings that they share.

        Returns:
            float32 numbers or int64 ids ``[batch, n]``.
        """


@dataclass(frozen=True)
class Limits:
    """How many words a vocabulary has.

    Attributes:
        top_k: Number of words to keep.
        min_count: How often a word must occur.
        oov_buckets: Number of ids shared, by hash, by other words.
    """

    top_k: int
    min_count: int
    oov_buckets: int


class CountedKind(Kind):
    """A transformation by a vocabulary: an id for the one word of each row, or a bag of its words."""

    @abstractmethod
    def words(self, fields: Fields, features: Sequence[str]) -> Words:
        """Returns the words of several features.

        What gives ids has one word for each row and feature, row by row and within them in the order of ``features``.
        """

    @abstractmethod
    def limits(self, settings: Any) -> Limits:
        """Returns how many words are kept."""
