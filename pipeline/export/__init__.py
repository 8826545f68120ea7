"""A snapshot of a collection as files: the only part of Penstock that reads MongoDB's application data."""

from __future__ import annotations

from pipeline.export.run import Exported, export
from pipeline.export.settings import ExportSettings

__all__ = ["ExportSettings", "Exported", "export"]
