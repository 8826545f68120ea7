"""The ``infer`` slice of the document: predictions for a batch of documents."""

from __future__ import annotations

from typing import Literal

from foundation.config import Config


class InferConfig(Config):
    """Predictions of a blessed model for each document of an export, keyed by ``_id``."""

    mongo_export: str
    """File, folder or glob of the documents to predict for, with {SPAN} and so on as in data; no label needed."""
    span: int | Literal["latest"] = "latest"
    """Which span of a pattern with {SPAN} or a date is predicted for."""
    model: Literal["blessed", "this_run"] = "blessed"
    """blessed: the run's model if it is blessed, else the last one that was; this_run: the run's model or none."""
    to: str
    """Folder for the predictions, relative to the document's folder, or a place in a store: s3:// or gs://."""
    format: Literal["jsonl", "parquet"] = "jsonl"
    """File format of the predictions."""
