"""Exports a collection to files: the only part of Penstock that reads application data from MongoDB."""

from __future__ import annotations

from pipeline.export.run import Exported, export
from pipeline.export.settings import ExportSettings

__all__ = ["ExportSettings", "Exported", "export"]
