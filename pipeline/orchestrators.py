"""Where a pipeline runs, by the names in the document's ``run``: runners and Beam's engines. Add yours here."""

from __future__ import annotations

ORCHESTRATORS: dict[str, str] = {"local": "pipeline.runners.local:LocalRunner"}
"""Name in ``run.orchestrator`` → ``module:Class`` of its runner, see ``pipeline.runners.base``."""

ENGINES: dict[str, str] = {
    "local": "pipeline.engines.local:LocalEngine",
    "flink": "pipeline.engines.flink:FlinkEngine",
    "spark": "pipeline.engines.spark:SparkEngine",
    "dataflow": "pipeline.engines.dataflow.engine:DataflowEngine",
}
"""Name in ``run.beam`` → ``module:Class`` of its engine, see ``pipeline.engines.base``."""
