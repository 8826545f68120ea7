"""Beam on Apache Spark, through Beam's portable runner."""

from __future__ import annotations

from pipeline.document.models import RunConfig
from pipeline.engines.base import Context, Engine


class SparkEngine(Engine):
    """Spark, by the address that the document gives."""

    name = "spark"

    def args(self, run: RunConfig, context: Context) -> list[str]:
        """Returns the arguments, see ``Engine.args``."""
        return ["--runner=SparkRunner", *run.args(self.name)]
