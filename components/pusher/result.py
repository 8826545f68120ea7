"""``pushed.json``, the result of a push, and ``versions.json``, the ledger next to the pushed versions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from pydantic import Field

from foundation.outside import Left
from foundation.result import Part, Result


@dataclass(frozen=True)
class PushResult(Result):
    """Whether a model was pushed, and as which version or why not."""

    FILE: ClassVar[str] = "pushed.json"

    pushed: bool
    """Whether the model is one of the versions."""
    why: Annotated[tuple[str, ...], Field(exclude_if=lambda why: not why)] = ()
    """Why it was not pushed; missing if it was."""
    version: Annotated[int | None, Field(exclude_if=lambda version: version is None)] = None
    """The version that holds the model; missing if it was not pushed."""
    new: bool = False
    """False if the model was already one of the versions."""
    removed: tuple[int, ...] = ()
    """Versions removed to make room for it."""
    again_of: int | None = None
    """For a model that was one of the versions and is published again, the version that held it before."""
    fingerprint: str = ""
    """SHA-256 over names and contents of the model's files; empty in results of an older Penstock."""
    left: tuple[Left, ...] = ()
    """The files of the version; a run looks at them before the push counts as done."""

    @property
    def withheld(self) -> str:
        """Whether nothing was pushed."""
        return "" if self.pushed else "nothing pushed"


@dataclass(frozen=True)
class Entry(Part):
    """The ledger's entry for one version."""

    fingerprint: str
    """SHA-256 over names and contents of the version's files."""
    pushed_at: float = 0.0
    """Seconds since the epoch; 0 if the version is older than the ledger."""
    model: str = ""
    """Where the model was exported; empty if unknown."""
    rollback_of: int | None = None
    """For a rollback, the version that the content comes from."""
    pinned: bool = False
    """Whether it is pinned and so never removed."""
    run: str = ""
    """The run that published it; empty for a rollback and for versions of an older Penstock."""
    again_of: int | None = None
    """For a model that a run published again, the version that held it before."""


@dataclass(frozen=True)
class Ledger(Result):
    """Where each version came from, and which are pinned."""

    FILE: ClassVar[str] = "versions.json"
    REMEDY: ClassVar[str] = "move the file away; it is rebuilt from the versions, without pins"

    versions: dict[int, Entry] = field(default_factory=dict)
    """Version number → its entry."""
