"""The settings of one export, checked before contacting a server."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from bson import json_util
from bson.errors import BSONError

from foundation.errors import SpecError, near_miss
from foundation.places import Rule, refused
from foundation.storage import RemotePath, is_remote, locate

Format = Literal["relaxed", "canonical", "bson"]
READ_PREFERENCES = ("secondaryPreferred", "secondary", "nearest", "primaryPreferred", "primary")
SPAN = "{SPAN}"
Chosen = TypeVar("Chosen", bound=str)


@dataclass(frozen=True)
class ExportSettings:
    """The settings of one export."""

    database: str
    collection: str
    folder: Path
    """Contains a folder for each span and the unfinished one; only the latter if the spans go to a store."""
    span: int | None = None
    """Span number; None: one more than the highest."""
    format: Format = "relaxed"
    filter: dict[str, Any] = field(default_factory=dict)
    projection: tuple[str, ...] = ()
    """Dotted paths to export; empty: whole documents."""
    incremental: str | None = None
    """``_id`` or a date field: only what is new or changed since the last export."""
    read_preference: str = "secondaryPreferred"
    consistency: Literal["auto", "none"] = "auto"
    parallel: int = 4
    """Maximum ranges read in parallel."""
    documents_per_second: float | None = None
    bytes_per_second: float | None = None
    """Bytes of BSON."""
    shard_documents: int = 250_000
    """Approximate number of documents per shard."""
    batch: int = 1000
    """Documents per batch."""
    settle_seconds: float = 60.0
    """An incremental export ends this long before now, so that late writes are in the next one, not lost."""
    patience_seconds: float = 60.0
    """How long to wait for a server that has gone away."""
    remote: RemotePath | None = None
    """The location in a store that gets one folder for each span."""

    def __post_init__(self) -> None:
        """Validates the settings.

        Raises:
            SpecError: A value makes no sense.
        """
        for name in ("parallel", "shard_documents", "batch", "documents_per_second", "bytes_per_second"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise SpecError(name.replace("_", " "), expected="a number above 0", seen=str(value))
        if self.read_preference not in READ_PREFERENCES:
            raise SpecError(
                "read preference", expected=" or ".join(READ_PREFERENCES), seen=self.read_preference
            )
        if not self.database or not self.collection or "$" in self.database or "\0" in self.collection:
            raise SpecError("database and collection", expected="their names")

    def identity(self) -> dict[str, object]:
        """Returns the settings that must be the same when an export resumes; no filter values."""
        return {
            "database": self.database,
            "collection": self.collection,
            "format": self.format,
            "filter": digest(self.filter) if self.filter else None,
            "projection": list(self.projection),
            "incremental": self.incremental,
        }

    def projected(self) -> dict[str, int] | None:
        """Returns the projection as MongoDB takes it; ``_id`` is always included."""
        return {"_id": 1, **dict.fromkeys(self.projection, 1)} if self.projection else None


def chosen(option: str, value: str, known: tuple[Chosen, ...]) -> Chosen:
    """Returns a word if it is one of the known ones.

    Raises:
        SpecError: It is not.
    """
    for each in known:
        if each == value:
            return each
    raise SpecError(f"{option} {value!r}", expected=" or ".join(known), remedy=near_miss(value, list(known)))


def digest(value: dict[str, Any]) -> str:
    """Returns the SHA-256 of a filter, to compare it without revealing it."""
    return hashlib.sha256(
        json_util.dumps(value, json_options=json_util.CANONICAL_JSON_OPTIONS).encode()
    ).hexdigest()


def target_of(to: str, work: Path) -> tuple[Path, RemotePath | None]:
    """Returns the working folder and the location in a store, if any, from the user's ``--to``.

    Raises:
        StorageError: It cannot be written to.
        SpecError: ``{SPAN}`` is not at the end.
    """
    bare = to.rstrip("/").removesuffix(SPAN).rstrip("/")
    if "{" in bare or not bare:
        raise SpecError(f"--to {to!r}", expected="FOLDER or FOLDER/{SPAN}")
    if not is_remote(bare) and (seen := refused(Rule.WRITTEN, bare)):
        raise SpecError("--to", expected=Rule.WRITTEN.value, seen=seen)
    place = locate(bare)
    if isinstance(place, RemotePath):
        return work / hashlib.sha256(place.url.encode()).hexdigest()[:16], place
    return place, None


def parse_filter(text: str) -> dict[str, Any]:
    """Parses a filter in Extended JSON.

    Raises:
        SpecError: It is not a document in Extended JSON.
    """
    try:
        value = json_util.loads(text)
    except (ValueError, TypeError, BSONError) as error:
        remedy = """for example '{"country": "PT", "at": {"$gte": {"$date": "2026-01-01T00:00:00Z"}}}'"""
        raise SpecError("--filter", expected="Extended JSON", seen="invalid text", remedy=remedy) from error
    if not isinstance(value, dict):
        raise SpecError("--filter", expected="a document in Extended JSON", seen=type(value).__name__)
    return value
