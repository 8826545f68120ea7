"""What would stop a run after minutes, found before it starts: on a part of the export, in about a second."""

from __future__ import annotations

from pipeline.preflight.remarks import PreflightError, Remark, refuse
from pipeline.preflight.review import Review, review

__all__ = ["PreflightError", "Remark", "Review", "refuse", "review"]
