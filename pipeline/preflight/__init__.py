"""What would stop a run after minutes, found before it starts: on a part of the export, in about a second."""

from __future__ import annotations

from pipeline.preflight.remarks import PreflightError, Remark, Review, refuse

__all__ = ["PreflightError", "Remark", "Review", "refuse"]
