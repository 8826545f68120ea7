"""The nodes that provide the schema: the reviewed file, or one inferred from the statistics."""

from __future__ import annotations

import hashlib

from components.node import Declaration

IMPORT_NODE = Declaration(
    "ImportSchemaGen",
    phase="data",
    build="components.schema_gen.component:build_import",
    tensorflow=False,
    when=lambda document, inputs: inputs.schema is not None,
    external=lambda document, inputs: hashlib.sha256((inputs.schema or "").encode()).hexdigest(),
)

NODE = Declaration(
    "SchemaInferrer",
    phase="data",
    build="components.schema_gen.component:build",
    tensorflow=False,
    inputs={"statistics": "StatisticsGen.statistics"},
    when=lambda document, inputs: inputs.schema is None,
    settings=lambda document, inputs: [document.data.label, document.array_features()],
)
