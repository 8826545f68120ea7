"""The ``push`` slice of the document: where to publish blessed models."""

from __future__ import annotations

from pydantic import Field

from foundation.config import Config


class PushConfig(Config):
    """Numbered version folders that TF Serving reads."""

    to: str
    """Folder that holds the numbered versions, relative to the document's folder, or a place in a store: s3:// or gs://."""
    keep_versions: int = Field(default=5, ge=1)
    """How many versions to keep; pinned ones are never removed."""
