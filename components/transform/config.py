"""The ``features`` slice of the document: what is done to a field before the model sees it.

Short forms: ``zscore`` is ``{zscore: true}``, ``{vocabulary: 100}`` is ``{vocabulary: {top_k: 100}}``, and a list holds
several transformations of one field. Every transformation gives one output, or several dense ones (date parts).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from foundation.config import Config
from foundation.user_code import absolute_reference


class VocabularyConfig(Config):
    """String or integer values become ids by frequency."""

    top_k: int = Field(default=1000, ge=1)
    """How many values are kept."""
    oov_buckets: int = Field(default=1, ge=1)
    """How many ids values outside the vocabulary share, by hash."""
    min_count: int = Field(default=1, ge=1)
    """How often a value has to occur to be kept."""


class BagConfig(VocabularyConfig):
    """Items of an array become a multi-hot vector over a vocabulary."""


class TextConfig(Config):
    """Text is lower-cased, split into words, and becomes a bag of the most frequent ones."""

    top_k: int = Field(default=1000, ge=1)
    """How many words are kept."""
    oov_buckets: int = Field(default=1, ge=1)
    """How many ids unknown words share."""


class CrossConfig(Config):
    """This field and others together become one hashed id."""

    with_: list[str] = Field(alias="with", min_length=1)
    """The other fields."""
    hash_buckets: int = Field(default=1000, ge=2)
    """How many ids the crossed values are hashed into."""


DatePart = Literal["year", "month", "day", "day_of_week", "hour"]

DATE_PART_SIZES: dict[str, int] = {"year": 131, "month": 13, "day": 32, "day_of_week": 8, "hour": 25}
"""Calendar part → how many ids it has; 0 always means missing."""

SHORT = {
    "vocabulary": "top_k",
    "bag": "top_k",
    "text": "top_k",
}


class Transformation(Config):
    """One transformation of one field; exactly one of the keys is given."""

    zscore: Literal[True] | None = None
    """Subtract the mean and divide by the standard deviation."""
    scale_0_1: Literal[True] | None = None
    """Scale from smallest to largest value onto 0 to 1."""
    log_zscore: Literal[True] | None = None
    """log(1 + x) of a number that is not negative, then z-score."""
    identity: Literal[True] | None = None
    """The number as it is."""
    buckets: int | None = Field(default=None, ge=2)
    """Quantile buckets; the id of the bucket."""
    vocabulary: VocabularyConfig | None = None
    """Ids of the most frequent values."""
    hash: int | None = Field(default=None, ge=2)
    """Hash of the value into this many ids."""
    cross: CrossConfig | None = None
    """Hash of this field together with others."""
    date_parts: list[DatePart] | None = Field(default=None, min_length=1)
    """Calendar parts (UTC) of a date, each as an id."""
    text: TextConfig | None = None
    """Bag of the most frequent words."""
    bag: BagConfig | None = None
    """Bag of the items of an array."""
    count: Literal[True] | None = None
    """How many items an array has, z-scored."""
    missing: Literal[True] | None = None
    """1 where the field is missing or null, else 0."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        if isinstance(data, str):
            return {data: {} if data in SHORT else True}
        if isinstance(data, dict):
            return {
                k: {SHORT[k]: v} if k in SHORT and isinstance(v, int) and not isinstance(v, bool) else v
                for k, v in data.items()
            }
        return data

    @model_validator(mode="after")
    def _one(self) -> Transformation:
        given = [k for k in type(self).model_fields if getattr(self, k) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one transformation, not {len(given)}; several go into a list")
        return self

    @property
    def kind(self) -> str:
        """Name of the one transformation that is given."""
        return next(k for k in type(self).model_fields if getattr(self, k) is not None)


class FeaturesConfig(Config):
    """Either declared transformations of fields or a person's own ``preprocessing_fn``."""

    declared: dict[str, list[Transformation]] = Field(default_factory=dict)
    """Feature → its transformations."""
    preprocessing_fn: str | None = None
    """``file.py:function`` in place of declared transformations; the fields it reads stand under ``data.fields``."""

    @model_validator(mode="before")
    @classmethod
    def _shapes(cls, data: Any) -> Any:
        if isinstance(data, str):
            return {"preprocessing_fn": data}
        if isinstance(data, dict) and not (set(data) <= {"declared", "preprocessing_fn"} and data):
            return {"declared": {k: v if isinstance(v, list) else [v] for k, v in data.items()}}
        return data

    @model_validator(mode="after")
    def _one(self) -> FeaturesConfig:
        if bool(self.declared) == bool(self.preprocessing_fn):
            raise ValueError("declare at least one feature, or name a preprocessing_fn, not both")
        return self

    def absolute(self, folder: Path) -> FeaturesConfig:
        """Returns the slice with the path of the person's function made absolute from the document's folder."""
        path = absolute_reference(folder, self.preprocessing_fn)
        return self.model_copy(update={"preprocessing_fn": path})


def output_name(feature: str, kind: str) -> str:
    """Returns the name of a transformation's output: ``lessons`` z-scored is ``lessons_zscore``.

    The parts of a date are named by the part: ``signup_at_month``.
    """
    return f"{feature}_{kind}"
