"""Starts a project: profiles an export and writes a document that is ready to run, a test and a README."""

from __future__ import annotations

from pipeline.project.create import create_project, suggest
from pipeline.project.profile import ExportProfile, FieldProfile, look_at

__all__ = ["ExportProfile", "FieldProfile", "create_project", "look_at", "suggest"]
