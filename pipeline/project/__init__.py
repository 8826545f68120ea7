"""Beginning a project: look at a person's export, write a document, a test and a README that run at once."""

from __future__ import annotations

from pipeline.project.create import create_project, suggest
from pipeline.project.profile import ExportProfile, FieldProfile, look_at

__all__ = ["ExportProfile", "FieldProfile", "create_project", "look_at", "suggest"]
