"""``pushed.json``, what came of a push, and ``versions.json``, the ledger beside the pushed versions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from pydantic import Field

from foundation.result import Part, Result


@dataclass(frozen=True)
class PushResult(Result):
    """Whether a model was pushed, as which version, or why not."""

    FILE: ClassVar[str] = "pushed.json"

    pushed: bool
    """Whether the model is among the versions."""
    why: Annotated[tuple[str, ...], Field(exclude_if=lambda why: not why)] = ()
    """Why it was not pushed; missing where it was."""
    version: Annotated[int | None, Field(exclude_if=lambda version: version is None)] = None
    """The version that holds the model; missing where it was not pushed."""
    new: bool = False
    """False where the model was among the versions already."""
    removed: tuple[int, ...] = ()
    """Versions that were removed for it."""


@dataclass(frozen=True)
class Entry(Part):
    """What the ledger knows about one version."""

    fingerprint: str
    """SHA-256 over names and contents of the version's files."""
    pushed_at: float = 0.0
    """Seconds since the epoch; 0 where a version was there before its ledger."""
    model: str = ""
    """Where the model was exported; empty where not known."""
    rollback_of: int | None = None
    """The version whose content this is, for a rollback."""
    pinned: bool = False
    """Whether it is never removed."""


@dataclass(frozen=True)
class Ledger(Result):
    """Where each version came from, and which are pinned."""

    FILE: ClassVar[str] = "versions.json"
    REMEDY: ClassVar[str] = "move the file away; it is made anew from the versions, pins are lost"

    versions: dict[int, Entry] = field(default_factory=dict)
    """Number of a version → what is known about it."""
