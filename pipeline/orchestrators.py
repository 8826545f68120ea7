"""The runners of a pipeline, by their names in ``run.orchestrator``: add yours here."""

from __future__ import annotations

ORCHESTRATORS: dict[str, str] = {"local": "pipeline.runners.local:LocalRunner"}
"""Name in the document → ``module:Class`` of its runner, see ``pipeline.runners.base``."""
