"""``ingestion.json``: what an ingestion read, took, left out and noticed; counts and types, never a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import not_
from typing import Annotated, ClassVar

from pydantic import Field

from foundation.result import Part, Result


@dataclass(frozen=True)
class Documents(Part):
    """What became of the documents; a count that says 0 may be missing."""

    read: int = 0
    """Documents read."""
    accepted: int = 0
    """Documents that became examples."""
    quarantined: int = 0
    """Documents that could not be read."""
    filtered: int = 0
    """Documents left out on purpose, such as those without a label."""
    superseded: int = 0
    """Documents that a later change replaced."""
    one_by_one: Annotated[int, Field(alias="converted one by one", exclude_if=not_)] = 0
    """Documents that the columnar path refused."""
    key_missing: Annotated[int, Field(alias="split key missing, _id used", exclude_if=not_)] = 0
    """Documents without the key to split by."""
    key_blocked: Annotated[int, Field(alias="split key behind no document, _id used", exclude_if=not_)] = 0
    """Documents in which the path of the key leads through something that is no document."""
    made_id: Annotated[int, Field(alias="without _id, id made from content", exclude_if=not_)] = 0
    """Documents without an ``_id``."""
    without_id: Annotated[int, Field(alias="without _id, predicted without a key", exclude_if=not_)] = 0
    """Documents to be predicted without an ``_id``: their predictions cannot be told apart."""


@dataclass(frozen=True)
class Bytes(Part):
    """Where the decompressed bytes of the export are; all 0 for Parquet, archives and results of older versions."""

    read: int = 0
    """Bytes read: the sum of the others."""
    documents: int = 0
    """Bytes of documents that could be read."""
    quarantined: int = 0
    """Bytes of documents that could not be read."""
    between: int = 0
    """Line ends, separators, blank lines and the header of a CSV file."""


@dataclass(frozen=True)
class FieldCounts(Part):
    """One field of the documents; a count that says 0 may be missing."""

    feature: str
    """The feature that it became."""
    type: str | None = None
    """Its type; null where no document has a value."""
    path: str = ""
    """Its dotted path."""
    privacy: Annotated[str, Field(exclude_if=not_)] = ""
    """Its privacy rule; missing where there is none."""
    declared: bool = False
    """Whether the document declares its type."""
    missing: Annotated[int, Field(exclude_if=not_)] = 0
    """Documents without it."""
    null: Annotated[int, Field(exclude_if=not_)] = 0
    """Documents in which it is null."""
    empty: Annotated[int, Field(exclude_if=not_)] = 0
    """Documents in which it is an empty array."""
    null_items: Annotated[int, Field(alias="null items", exclude_if=not_)] = 0
    """Items of its arrays that are null."""
    arrays: Annotated[int, Field(exclude_if=not_)] = 0
    """Documents in which it is an array."""
    from_text: Annotated[int, Field(alias="read from text", exclude_if=not_)] = 0
    """Values of another type that were read from text."""
    rounded: Annotated[int, Field(alias="rounded by float32", exclude_if=not_)] = 0
    """Numbers that float32 does not hold exactly."""
    like_seconds: Annotated[int, Field(alias="like epoch seconds", exclude_if=not_)] = 0
    """Numbers in a date field that are more likely seconds than milliseconds."""
    kinds: dict[str, int] = field(default_factory=dict)
    """Kind of value → how often it was seen."""
    misfits: dict[str, int] = field(default_factory=dict)
    """What was seen that does not fit the type → how often."""


@dataclass(frozen=True)
class File(Part):
    """A file of the export."""

    path: str
    """Its path."""
    bytes: int
    """Its size."""


@dataclass(frozen=True)
class Input(Part):
    """The export."""

    span: int | None = None
    """Its span; null where the pattern has none."""
    version: int | None = None
    """Its version; null where the pattern has none."""
    fingerprint: str = ""
    """Digest of its files."""
    format: str = ""
    """Format of the files."""
    dialect: str = ""
    """Variant of the format."""
    files: tuple[File, ...] = ()
    """The files."""
    empty_files: tuple[str, ...] = ()
    """Files of 0 bytes."""


@dataclass(frozen=True)
class Suspicion(Part):
    """A feature that may hold personal data which no rule covers."""

    feature: str
    """The feature."""
    looked_at: int
    """Values that were looked at."""
    kinds: dict[str, int]
    """Kind of personal data → how many values look like it."""


@dataclass(frozen=True)
class Groups(Part):
    """Groups of rows with equal quasi-identifiers."""

    rows: int
    """Rows."""
    groups: int
    """Groups."""
    smallest: int
    """Rows in the smallest group."""
    rows_below_k: int
    """Rows in groups smaller than k."""
    share: float
    """Their share of all rows."""


@dataclass(frozen=True)
class Anonymity(Part):
    """How well rows hide among others."""

    quasi_identifiers: tuple[str, ...]
    """The features that could single a person out."""
    k: int
    """Rows from which a group hides its members."""
    overall: Groups
    """All splits together."""
    splits: dict[str, Groups]
    """Split → its groups."""


@dataclass(frozen=True)
class Privacy(Part):
    """What the privacy policy did."""

    rules: dict[str, str] = field(default_factory=dict)
    """Feature → rule."""
    key_id: str = ""
    """Id of the key that values were hashed with; empty where none were."""
    suspected: tuple[Suspicion, ...] = ()
    """Features that may hold personal data."""
    anonymity: Annotated[Anonymity | None, Field(exclude_if=not_)] = None
    """Sizes of groups; missing where no quasi-identifiers are declared."""


@dataclass(frozen=True)
class DivertedFolder(Part):
    """A folder of documents that the exporting tool set aside."""

    path: str
    """Its path."""
    files: int
    """Files in it."""


@dataclass(frozen=True)
class Diverted(Part):
    """Documents that the exporting tool set aside: they are not in the data."""

    folders: tuple[DivertedFolder, ...] = ()
    """Where they are."""
    not_looked_at: tuple[str, ...] = ()
    """Folders that could not be listed."""


@dataclass(frozen=True)
class Span(Part):
    """One span of a window."""

    span: int | None
    """Its number."""
    taken: Annotated[str, Field(alias="from")]
    """``read``, ``cache``, or why it was read again."""
    documents: Documents
    """What became of its documents."""
    version: int | None = None
    """Its version."""
    fingerprint: str = ""
    """Digest of its files."""


@dataclass(frozen=True)
class Window(Part):
    """The spans that were read as one."""

    spans: tuple[Span, ...]
    """The spans, in order."""
    shards: str = ""
    """Whether their shards were linked or copied."""


@dataclass(frozen=True)
class Ingestion(Result):
    """What an ingestion read, took, left out and noticed."""

    FILE: ClassVar[str] = "ingestion.json"

    documents: Documents = Documents()
    """What became of the documents."""
    bytes: Bytes = Bytes()
    """Where the bytes of the export are."""
    quarantined: dict[str, int] = field(default_factory=dict)
    """Reason → documents that could not be read."""
    quarantine_folder: str | None = None
    """Where they are; null where there are none."""
    filtered: dict[str, int] = field(default_factory=dict)
    """Reason → documents left out on purpose."""
    splits: dict[str, int] = field(default_factory=dict)
    """Split → examples."""
    split_by: str = ""
    """How documents were divided into splits."""
    label: str | None = None
    """The label; null where the export is only predicted for."""
    fields: tuple[FieldCounts, ...] = ()
    """The fields of the documents."""
    input: Input = Input()
    """The export."""
    passes: int = 1
    """How often it was read; more than once where the sample did not show all types."""
    seconds: float = 0.0
    """Wall time."""
    privacy: Privacy = Privacy()
    """What the privacy policy did."""
    quarantine_expired: int = 0
    """Quarantined files that were too old and were removed."""
    diverted: Diverted = Diverted()
    """What the exporting tool set aside."""
    window: Annotated[Window | None, Field(exclude_if=not_)] = None
    """The spans of a window; missing for a single export."""

    @property
    def reasons(self) -> dict[str, int]:
        """Reason → documents quarantined or left out for it."""
        return {**self.quarantined, **self.filtered}

    @property
    def misfits(self) -> tuple[tuple[str, str, int], ...]:
        """Feature, what was seen that is not of its type, how often."""
        return tuple(
            (field.feature, seen, times)
            for field in self.fields
            for seen, times in {"read from text": field.from_text, **field.misfits}.items()
            if times
        )

    @property
    def counted(self) -> Mapping[str, int]:
        """Documents that were read, those of them that were quarantined, and bytes; as Beam's workers count them."""
        return {
            "documents": self.documents.read,
            "quarantined": self.documents.quarantined,
            "bytes": self.bytes.read,
        }
