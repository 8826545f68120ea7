"""Where a run belongs, as what reports on it sees it: the document, its folders, its records and its lineage."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from pipeline.document.models import PipelineSpec
from pipeline.lineage.store import Lineage
from pipeline.runs.book import RunBook


class Described(Protocol):
    """A document and its folder."""

    @property
    def spec(self) -> PipelineSpec:
        """The document."""

    @property
    def folder(self) -> Path:
        """The base of its relative paths."""


class RunPlace(Protocol):
    """The document of a run and what belongs to it; a session is one."""

    @property
    def loaded(self) -> Described:
        """The document."""

    @property
    def root(self) -> Path:
        """Folder for artifacts, metadata, runs and logs."""

    @property
    def schema_file(self) -> Path:
        """Path of the reviewed schema, whether it exists or not."""

    @property
    def runs(self) -> RunBook:
        """The records of all runs."""

    def lineage(self) -> Lineage:
        """Returns a fresh view of ML Metadata."""
