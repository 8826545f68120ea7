"""The ``data`` slice of the document: the export, its fields and the splits."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from components.bigquery_example_gen.config import BigQueryConfig
from components.exports.fields import FieldConfig
from components.exports.formats import FORMATS
from foundation.config import Config
from foundation.privacy import PrivacyConfig

if TYPE_CHECKING:
    FormatName = str
else:  # from the registry
    FormatName = Literal["auto", *(name for name, one in FORMATS.items() if one.declarable)]


def parse_fraction(value: object) -> object:
    """Turns ``"0.1%"`` into ``0.001``; leaves numbers as they are."""
    if isinstance(value, str) and value.strip().endswith("%"):
        try:
            return float(value.strip()[:-1]) / 100
        except ValueError as error:
            raise ValueError("give a share such as 0.1% or 0.001") from error
    return value


Fraction = Annotated[float, BeforeValidator(parse_fraction), Field(ge=0.0, le=1.0)]


def parse_moment(value: object) -> object:
    """Checks a date such as 2024-06-01 or 2024-06-01T12:00:00+02:00; without a zone it is UTC."""
    if isinstance(value, str):
        try:
            datetime.datetime.fromisoformat(value)
        except ValueError as error:
            raise ValueError("give a date such as 2024-06-01 or 2024-06-01T12:00:00Z") from error
    return value


Moment = Annotated[str, BeforeValidator(parse_moment)]


def milliseconds(moment: str) -> int:
    """Returns a moment of the document in epoch milliseconds."""
    parsed = datetime.datetime.fromisoformat(moment)
    aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=datetime.UTC)
    return int(aware.timestamp() * 1000)


class TimeSplitConfig(Config):
    """Parts of the data by a date of each document: learn from the past, judge by what came later."""

    field: str
    """Dotted path of the date, as it is in the documents."""
    train_before: Moment
    """Documents dated before it are train; such as 2024-06-01, midnight UTC."""
    test_from: Moment
    """Documents dated from then on are test; those between are validation."""

    @model_validator(mode="after")
    def _in_order(self) -> TimeSplitConfig:
        if milliseconds(self.test_from) <= milliseconds(self.train_before):
            raise ValueError("test_from must be after train_before: validation lies between")
        return self


class SplitConfig(Config):
    """Parts of the data by a hash of a key: all documents of one key land on one side."""

    by: str = "_id"
    """Dotted path of the key, as it is in the documents."""
    train: int = Field(default=7, ge=1)
    """Share of the split that the model learns from."""
    validation: int = Field(default=1, ge=1)
    """Share of the split that early stopping and tuning see."""
    test: int = Field(default=2, ge=1)
    """Share of the split that evaluation and gates see, and nothing else."""
    stratify: str | None = None
    """Dotted path of a field with few values; each value is split in exactly these shares."""
    by_time: TimeSplitConfig | None = None
    """Split by a date instead of a key; the shares are not used then."""


class BadDocumentsConfig(Config):
    """What happens to documents that cannot be read."""

    quarantine: bool = True
    """Keep them byte for byte in an owner-only folder outside the pipeline root; false keeps place and reason only."""
    fail_above: Fraction = 0.001
    """Share of bad documents above which the run stops, such as 0.1%; one as long as many counts as many."""
    folder: str = "quarantine"
    """Where quarantined documents are kept, relative to the document's folder."""
    expire_days: int | None = Field(default=30, ge=1)
    """Quarantined files left untouched for this many days are removed by the next ingestion; null keeps them."""


class MisfitsConfig(Config):
    """What happens if values do not fit the type of their feature; each of them counts as missing."""

    fail_above: Fraction = 0.5
    """Share of a feature's values above which the run stops; it stops anyway if none fits, and warns above 1%."""


class ChangesConfig(Config):
    """The files hold changes of documents (change streams, Debezium, AWS DMS): they are folded to the last state."""

    memory_mb: int = Field(default=64, ge=1)
    """MiB of events that are held at once; the others wait in temporary files beside the quarantine."""


class DataConfig(Config):
    """Where the exported documents are and what is taken from them.

    Only what the document names is read: the paths under ``fields``, the label, the features, the slices.
    """

    mongo_export: str = ""
    """File, folder or glob of the export; may hold {SPAN}, {VERSION}, {YYYY}, {MM}, {DD}."""
    bigquery: BigQueryConfig | None = None
    """A BigQuery query in place of an export."""
    format: FormatName = "auto"
    """Format of the files; by default recognised by content."""
    namespace: str = ""
    """``database.collection`` to read from a mongodump archive or folder that holds several."""
    changes: ChangesConfig | None = None
    """Fold change events to the last state of each document; ``{}`` where the files hold changes."""
    fields: dict[str, FieldConfig] = Field(default_factory=dict)
    """Dotted path in the documents → feature; a plain string is the feature's name."""
    label: str
    """Name of the feature that the model learns to predict."""
    recorded_at: str | None = None
    """Feature with the time of the prediction; features dated after it are warned of as leaking the label."""
    span: int | Literal["latest"] = "latest"
    """Which span of a pattern with {SPAN} or a date is read."""
    window: int = Field(default=1, ge=1)
    """How many spans are taken together: the chosen one and those before it; each is read once and kept."""
    split: SplitConfig = SplitConfig()
    """How documents are divided into train, validation and test."""
    bad_documents: BadDocumentsConfig = BadDocumentsConfig()
    """What happens to documents that cannot be read."""
    misfits: MisfitsConfig = MisfitsConfig()
    """What happens if values do not fit the type of their feature."""
    privacy: PrivacyConfig = PrivacyConfig()
    """What happens to personal values before anything is written."""

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

    @model_validator(mode="after")
    def _changes_are_one_span(self) -> DataConfig:
        if self.changes is not None and self.window > 1:
            raise ValueError("changes are folded over the files of one span: window must be 1")
        return self
