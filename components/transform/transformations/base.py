"""What a transformation is. Import-light: what it computes loads TensorFlow when it is called.

Tracing time is that of the analyzers, hence three sorts: those without one, those that share one with other
fields, and those whose vocabularies are all counted together.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

if TYPE_CHECKING:
    import tensorflow as tf

    from components.transform.columns import Columns
    from components.transform.vocabularies import VocabularyRequest


@dataclass(frozen=True)
class Types:
    """Which declared types of a field a transformation takes.

    Attributes:
        remedy: What to do about another type.
        never: Types it does not take.
        only: The types it takes; empty where ``never`` says all.
    """

    remedy: str = ""
    never: frozenset[str] = frozenset()
    only: frozenset[str] = frozenset()

    def take(self, declared: str | None) -> bool:
        """Returns whether a field of a declared type, or of none, can be transformed."""
        return declared is None or (declared not in self.never and (not self.only or declared in self.only))


TEXT = frozenset({"string", "bytes"})
ANYTHING = Types()
NUMBERS = Types("use vocabulary or hash, or declare a number", never=TEXT)
CATEGORIES = Types("use buckets, or declare int or string", never=frozenset({"float"}))


class Kind(ABC):
    """One kind of transformation.

    Attributes:
        description: What it does, for the JSON Schema and the reference.
        settings: Type of what the document gives it.
        bounds: Bounds of that value, as pydantic's ``Field`` takes them.
        short: The setting that a bare number stands for; with one, the kind may be named without settings.
        types: Which declared types of a field it takes.
        of_array: Whether it reads all items of an array.
    """

    description: ClassVar[str]
    settings: ClassVar[Any] = Literal[True]
    bounds: ClassVar[Mapping[str, Any]] = {}
    short: ClassVar[str] = ""
    types: ClassVar[Types] = ANYTHING
    of_array: ClassVar[bool] = False

    @property
    def needs_a_value(self) -> bool:
        """Whether the name alone does not suffice."""
        return self.settings != Literal[True] and not self.short

    def others(self, settings: Any) -> list[str]:
        """Returns the further features that it reads, which the document lists under the setting ``with``."""
        return []

    def parts(self, kind: str, settings: Any) -> list[str]:
        """Returns what its outputs' names end with; by default there is one, named by the kind."""
        return [kind]


class DirectKind(Kind):
    """A transformation that needs no look at the whole data."""

    @abstractmethod
    def compute(self, columns: Columns, feature: str, settings: Any) -> list[tf.Tensor]:
        """Returns one output for each of ``parts``."""


class AnalysedKind(Kind):
    """A transformation by a numeric statistic; kinds with one ``analyse`` and the same settings share the analyzer."""

    @abstractmethod
    def number(self, columns: Columns, feature: str) -> tf.Tensor:
        """Returns what is analysed: float64 ``[batch]``, NaN where missing."""

    @abstractmethod
    def analyse(self, numbers: Mapping[str, tf.Tensor], settings: Any) -> dict[str, tf.Tensor]:
        """Transforms the numbers of several fields with one analyzer.

        Args:
            numbers: Output name → what ``number`` returned.
            settings: What the document gives, the same for all.

        Returns:
            Output name → output.
        """


class CountedKind(Kind):
    """A transformation by a vocabulary."""

    @abstractmethod
    def request(self, columns: Columns, feature: str, name: str, settings: Any) -> VocabularyRequest:
        """Asks for the vocabulary ``name``."""

    @abstractmethod
    def look_up(self, request: VocabularyRequest, filename: tf.Tensor) -> tf.Tensor:
        """Returns the output, once the vocabulary is in a file."""
