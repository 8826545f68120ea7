"""Reviewed data schemas: reading, comparing, proposing an inferred one, approving it. Does not load TensorFlow."""

from __future__ import annotations

from pipeline.schemas.difference import diff
from pipeline.schemas.files import approve, infer, offer, pending_path, read_schema

__all__ = ["approve", "diff", "infer", "offer", "pending_path", "read_schema"]
