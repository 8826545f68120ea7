"""The ``infer`` slice of the document: predictions for a batch of documents."""

from __future__ import annotations

from typing import Literal

from foundation.config import Config


class InferConfig(Config):
    """Predictions of the newly blessed model for every document of an export, keyed by ``_id``."""

    mongo_export: str
    """File, folder or glob of the documents to predict for; they need no label."""
    to: str
    """Folder for the predictions, relative to the document's folder."""
    format: Literal["jsonl", "parquet"] = "jsonl"
    """How predictions are written."""
