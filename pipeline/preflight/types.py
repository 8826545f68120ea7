"""Whether the types that the documents turn out to have suit the rest of the document."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from components.exports.fields import FieldConfig
from pipeline.document.checks import find_problems
from pipeline.document.loader import LoadedSpec
from pipeline.document.models import PipelineSpec
from pipeline.preflight.remarks import Remark, of_document

if TYPE_CHECKING:
    from components.mongo_example_gen.preview import Preview


def remarks(loaded: LoadedSpec, seen: Preview) -> list[Remark]:
    """Returns what the checks of the document say once each field has the type that was found."""
    problems = find_problems(_settled(loaded.spec, seen))
    read = [
        replace(
            one,
            what=one.what.replace("declared as", "read as"),
            seen=one.seen.replace("declared as", "read as"),
        )
        for one in problems
        if one.path != ("model", "positive")  # told with the values of the label
    ]
    return of_document(loaded, read, certain=seen.whole)


def _settled(spec: PipelineSpec, seen: Preview) -> PipelineSpec:
    found = {column.path: column for column in seen.plan.columns}
    fields: dict[str, FieldConfig] = {}
    for path, field in spec.ingested_fields().items():
        kind = found[path].type if path in found else None
        fields[path] = field.model_copy(update={"type": field.type or kind})
    return spec.model_copy(update={"data": spec.data.model_copy(update={"fields": fields})})
