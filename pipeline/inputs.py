"""Reads what a document refers to: export, reviewed schema, the key's id, whether there are earlier statistics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from components.bigquery_example_gen.source import resolve_query
from components.exports.source import ResolvedInput, resolve
from components.exports.windows import resolve_window
from components.node import Inputs
from foundation.privacy import key_id, read_key
from foundation.publish import storage_error
from pipeline.document.models import PipelineSpec
from pipeline.graph import make_graph
from pipeline.lineage.queries import has_earlier_statistics
from pipeline.lineage.store import Lineage


def read_inputs(
    spec: PipelineSpec,
    folder: Path,
    schema_file: Path,
    lineage: Callable[[], Lineage],
    code: Path | None = None,
) -> Inputs:
    """Reads what a document refers to.

    Args:
        spec: The document.
        folder: Folder that relative paths of exports start from.
        schema_file: The reviewed schema, whether it exists or not.
        lineage: Opens ML Metadata; called only where the document compares with earlier statistics.
        code: Folder of own code and schema, where it is not ``folder``.

    Raises:
        DataError: The export is missing or empty.
        StorageError: The schema cannot be read.
    """
    data = resolve_query(spec.data.bigquery) if spec.data.bigquery else _export(spec, folder)
    infer = (
        resolve(spec.infer.mongo_export, folder, spec.infer.span, "infer", may_be_empty=True)
        if spec.infer
        else None
    )
    key = key_id(read_key(spec.data.privacy))
    inputs = Inputs(folder, data, infer, read_schema(schema_file), privacy_key=key, code=code)
    if not spec.validation.drift:
        return inputs
    known = lineage()
    fingerprint = make_graph(spec, inputs).fingerprints["StatisticsGen"]
    earlier = has_earlier_statistics(known.executions(), known.artifacts(), fingerprint, data.span or 0)
    return replace(inputs, previous_statistics=earlier)


def _export(spec: PipelineSpec, folder: Path) -> ResolvedInput:
    return resolve_window(spec.data.mongo_export, folder, spec.data.span, spec.data.window)


def read_schema(file: Path) -> str | None:
    """Returns the text of the reviewed schema, None if there is none yet.

    Raises:
        StorageError: It cannot be read.
    """
    try:
        return file.read_text(encoding="utf-8") if file.exists() else None
    except (OSError, UnicodeDecodeError) as error:
        raise storage_error(file, OSError(getattr(error, "errno", None), str(error))) from error
