"""The ``infer`` slice of the document: predictions for a batch of documents."""

from __future__ import annotations

from typing import Literal

from foundation.config import Config


class InferConfig(Config):
    """Predictions of the newly blessed model for each document of an export, keyed by ``_id``."""

    mongo_export: str
    """File, folder or glob of the documents to predict for; no label needed."""
    to: str
    """Folder for the predictions, relative to the document's folder, or a place in a store: s3:// or gs://."""
    format: Literal["jsonl", "parquet"] = "jsonl"
    """File format of the predictions."""
