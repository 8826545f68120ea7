"""The ``push`` slice of the document: where blessed models are published."""

from __future__ import annotations

from pydantic import Field

from foundation.config import Config


class PushConfig(Config):
    """Versioned folders that TF Serving reads."""

    to: str
    """Folder that holds the numbered versions; relative to the document's folder."""
    keep_versions: int = Field(default=5, ge=1)
    """How many versions are kept; a pinned one is never removed."""
