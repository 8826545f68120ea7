"""Beam on Google Cloud Dataflow."""

from __future__ import annotations

from pipeline.document.models import RunConfig
from pipeline.engines.base import Context, Engine


class DataflowEngine(Engine):
    """Dataflow, with the options that the document gives."""

    name = "dataflow"

    def args(self, run: RunConfig, context: Context) -> list[str]:
        """Returns the arguments, see ``Engine.args``."""
        return ["--runner=DataflowRunner", *run.beam_args]
