"""The declarative document: typed models, YAML, overrides, errors with file and line."""

from __future__ import annotations

from foundation.document.problems import Position, Problem, SpecErrors
from pipeline.document.checks import check
from pipeline.document.loader import LoadedSpec, load
from pipeline.document.models import PipelineSpec

__all__ = ["LoadedSpec", "PipelineSpec", "Position", "Problem", "SpecErrors", "check", "load"]
