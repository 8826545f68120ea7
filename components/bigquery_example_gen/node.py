"""The node that reads a BigQuery query in place of an export."""

from __future__ import annotations

from components.node import Declaration

NODE = Declaration(
    "BigQueryExampleGen",
    phase="data",
    build="components.bigquery_example_gen.component:build",
    tensorflow=False,
    beam=True,
    elsewhere="addresses",
    when=lambda document, inputs: document.data.bigquery is not None,
    settings=lambda document, inputs: document.data.split.model_dump(mode="json"),
    external=lambda document, inputs: inputs.data.fingerprint,
    reads_export=True,
)
