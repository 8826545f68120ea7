"""The nodes that read exports: one to learn from, one to predict for."""

from __future__ import annotations

from typing import Any

from components.node import Declaration, Document, Inputs


def _fields(document: Document) -> dict[str, Any]:
    return {path: field.model_dump() for path, field in document.ingested_fields().items()}


def _settings(document: Document, inputs: Inputs) -> list[Any]:
    data = document.data.model_dump(mode="json", exclude={"span", "mongo_export", "recorded_at"})
    return [data, _fields(document), inputs.privacy_key]


def _infer_settings(document: Document, inputs: Inputs) -> list[Any]:
    read_as = {"format", "namespace", "changes", "bad_documents", "privacy"}
    return [_fields(document), document.data.model_dump(mode="json", include=read_as), inputs.privacy_key]


def _only_here(document: Document) -> str:
    if not document.data.privacy.needs_key:
        return ""
    return f"its workers would need the key of {document.data.privacy.key_env}, which no job carries"


_RESULT = ("examples", "components.mongo_example_gen.result:Ingestion")

NODE = Declaration(
    "MongoExampleGen",
    phase="data",
    build="components.mongo_example_gen.component:build",
    tensorflow=False,
    beam=True,
    elsewhere="exchange",
    only_here=_only_here,
    when=lambda document, inputs: document.data.bigquery is None,
    settings=_settings,
    external=lambda document, inputs: inputs.data.fingerprint,
    reads_export=True,
    result=_RESULT,
)

INFER_NODE = Declaration(
    "InferExampleGen",
    phase="push",
    build="components.mongo_example_gen.component:build_for_inference",
    tensorflow=False,
    beam=True,
    elsewhere="exchange",
    only_here=_only_here,
    inputs={"trained": "MongoExampleGen.examples"},
    when=lambda document, inputs: document.infer is not None and inputs.infer is not None,
    settings=_infer_settings,
    external=lambda document, inputs: inputs.infer.fingerprint if inputs.infer else "",
    result=_RESULT,
)
