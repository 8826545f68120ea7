"""The ``data`` slice of the document: which export, which fields, which split."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from foundation.config import Config

FieldType = Literal["int", "float", "string", "bool", "date", "bytes", "objectid_time"]


def parse_fraction(value: object) -> object:
    """Turns ``"0.1%"`` into ``0.001``; leaves numbers as they are."""
    if isinstance(value, str) and value.strip().endswith("%"):
        try:
            return float(value.strip()[:-1]) / 100
        except ValueError as error:
            raise ValueError("give a share such as 0.1% or 0.001") from error
    return value


Fraction = Annotated[float, BeforeValidator(parse_fraction), Field(ge=0.0, le=1.0)]


class FieldConfig(Config):
    """One field of the documents and the feature it becomes."""

    to: str | None = None
    """Name of the feature; by default the dotted path with dots as underscores."""
    type: FieldType | None = None
    """Type of the feature: int and bool become int64, date becomes int64 epoch milliseconds, float becomes float32,
    objectid_time the time inside an ObjectId as int64 epoch milliseconds; by default found in the documents."""
    list: bool | None = None
    """Whether the field is an array (ragged feature); by default found in the documents."""


class SplitConfig(Config):
    """Parts of the data by a hash of a key: all documents of one key land on one side."""

    by: str = "_id"
    """Dotted path of the key, as it stands in the documents."""
    train: int = Field(default=7, ge=1)
    """Share of the split that the model learns from."""
    validation: int = Field(default=1, ge=1)
    """Share of the split that early stopping and tuning see."""
    test: int = Field(default=2, ge=1)
    """Share of the split that evaluation and gates see, and nothing else."""


class BadDocumentsConfig(Config):
    """What happens to documents that cannot be read."""

    quarantine: bool = True
    """Keep them byte for byte in an owner-only folder outside the pipeline root; false keeps place and reason only."""
    fail_above: Fraction = 0.001
    """Share of bad documents above which the run stops, such as 0.1%."""
    folder: str = "quarantine"
    """Where quarantined documents are kept, relative to the document's folder."""


class DataConfig(Config):
    """Where the exported documents are and what is taken from them.

    Only what the document names is read: the paths under ``fields``, the label, the features, the slices.
    """

    mongo_export: str
    """File, folder or glob of the export; may hold {SPAN}, {VERSION}, {YYYY}, {MM}, {DD}."""
    format: Literal["auto", "jsonl", "json_array", "bson", "csv"] = "auto"
    """Format of the files; by default recognised by content."""
    namespace: str = ""
    """``database.collection`` to read from a mongodump archive or folder that holds several."""
    fields: dict[str, FieldConfig] = Field(default_factory=dict)
    """Dotted path in the documents → feature; a plain string is the feature's name."""
    label: str
    """Name of the feature that the model learns to predict."""
    recorded_at: str | None = None
    """Feature with the time of the prediction; features dated after it are warned of as leaking the label."""
    span: int | Literal["latest"] = "latest"
    """Which span of a pattern with {SPAN} or a date is read."""
    split: SplitConfig = SplitConfig()
    """How documents are dealt to train, validation and test."""
    bad_documents: BadDocumentsConfig = BadDocumentsConfig()
    """What happens to documents that cannot be read."""

    @model_validator(mode="before")
    @classmethod
    def _short_fields(cls, data: object) -> object:
        if isinstance(data, dict) and isinstance(data.get("fields"), dict):
            fields = {
                k: {"to": v} if isinstance(v, str) else ({} if v is None else v)
                for k, v in data["fields"].items()
            }
            return {**data, "fields": fields}
        return data


def feature_name(path: str, field: FieldConfig) -> str:
    """Returns the feature that a dotted path becomes."""
    return field.to or path.replace(".", "_")
