"""Beam on Apache Flink, through Beam's portable runner."""

from __future__ import annotations

from pipeline.document.models import RunConfig
from pipeline.engines.base import Context, Engine


class FlinkEngine(Engine):
    """Flink, by the address that the document gives."""

    name = "flink"

    def args(self, run: RunConfig, context: Context) -> list[str]:
        """Returns the arguments, see ``Engine.args``."""
        return ["--runner=FlinkRunner", *run.args(self.name)]
