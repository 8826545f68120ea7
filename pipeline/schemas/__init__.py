"""Schemas a person reviews: reading, comparing, offering an inferred one, approving it. Loads no TensorFlow."""

from __future__ import annotations

from pipeline.schemas.difference import diff
from pipeline.schemas.files import approve, infer, offer, pending_path, read_schema

__all__ = ["approve", "diff", "infer", "offer", "pending_path", "read_schema"]
