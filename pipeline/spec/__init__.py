"""The declarative document: typed models, YAML, overrides, errors with file and line."""

from __future__ import annotations

from pipeline.spec.checks import check
from pipeline.spec.loader import LoadedSpec, load
from pipeline.spec.models import PipelineSpec
from pipeline.spec.problems import Position, Problem, SpecErrors

__all__ = ["LoadedSpec", "PipelineSpec", "Position", "Problem", "SpecErrors", "check", "load"]
