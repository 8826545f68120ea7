"""Whether document and reviewed schema name the same features: what one of them alone names stops a validation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from components.exports.fields import FieldType, feature_name
from components.node import Inputs
from foundation.errors import DataError, near_miss
from foundation.privacy import type_after
from pipeline.document.loader import LoadedSpec
from pipeline.preflight.remarks import Remark

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2

_ID = "_id"
_INFER = "or infer the schema anew: 'penstock run --to StatisticsGen', 'penstock schema infer', 'penstock schema approve'"
_WRITTEN: dict[FieldType, str] = {
    "int": "INT",
    "bool": "INT",
    "date": "INT",
    "objectid_time": "INT",
    "float": "FLOAT",
    "string": "BYTES",
    "bytes": "BYTES",
}


def remarks(loaded: LoadedSpec, inputs: Inputs) -> Iterator[Remark]:
    """Yields features that the schema demands and the document does not read, new ones, and other types.

    Raises:
        DataError: The schema is not one.
    """
    if inputs.schema is None:
        return
    from pipeline.schemas import read_schema

    path = loaded.spec.schema_path()
    schema = read_schema(loaded.folder / path)
    reviewed = {feature.name: feature for feature in schema.feature}
    read = _read(loaded)
    stops = loaded.spec.validation.on_anomaly == "stop"
    for name, feature in reviewed.items():
        if name not in read and _is_required(feature):
            yield Remark(_not_read(name, path, read), certain=stops)
    for name, kind in read.items():
        if name not in reviewed:
            yield Remark(_new(name, path, list(reviewed), set(read)), certain=stops)
        elif kind is not None and _type(reviewed[name]) not in ("TYPE_UNKNOWN", _WRITTEN[kind]):
            yield Remark(_other_type(name, path, kind, _type(reviewed[name])), certain=stops)


def _read(loaded: LoadedSpec) -> dict[str, FieldType | None]:
    """Returns feature → type as written after the privacy rules, None where it is not declared."""
    data = loaded.spec.data
    features: dict[str, FieldType | None] = {_ID: "string"}
    for path, field in loaded.spec.ingested_fields().items():
        name = feature_name(path, field)
        if name not in data.privacy.dropped and name != _ID:
            rule = data.privacy.rules.get(name)
            kind = type_after(rule, field.type) if rule and field.type else field.type
            features[name] = cast("FieldType | None", kind)
    return features


def _type(feature: schema_pb2.Feature) -> str:
    from tensorflow_metadata.proto.v0 import schema_pb2

    return schema_pb2.FeatureType.Name(feature.type)


def _is_required(feature: schema_pb2.Feature) -> bool:
    """Returns whether data without the feature is an anomaly, as TFDV decides it."""
    from tensorflow_metadata.proto.v0 import schema_pb2

    dormant = (
        schema_pb2.DEPRECATED,
        schema_pb2.DISABLED,
        schema_pb2.PLANNED,
        schema_pb2.ALPHA,
        schema_pb2.DEBUG_ONLY,
    )
    there = feature.presence.min_fraction > 0 or feature.presence.min_count > 0
    return there and feature.lifecycle_stage not in dormant


def _not_read(name: str, path: str, read: dict[str, FieldType | None]) -> DataError:
    known = [other for other in read if other != _ID]
    near = near_miss(name, known)
    return DataError(
        f"schema {path}: feature {name!r}",
        expected="only features that the document reads",
        seen=f"the document no longer reads it{f' ({near})' if near else ''}",
        remedy=f"delete its 'feature' block from the schema if it was dropped on purpose, "
        f"read it again under data.fields if not, {_INFER}",
    )


def _new(name: str, path: str, reviewed: list[str], read: set[str]) -> DataError:
    near = near_miss(name, [other for other in reviewed if other not in read])
    return DataError(
        f"schema {path}",
        expected=f"the feature {name!r}, which the document reads",
        seen=f"a schema without it{f' ({near})' if near else ''}",
        remedy=f"add a 'feature' block for it to the schema, {_INFER}",
    )


def _other_type(name: str, path: str, kind: FieldType, reviewed: str) -> DataError:
    return DataError(
        f"schema {path}: feature {name!r}",
        expected=f"the type {reviewed} of the schema",
        seen=f"type {kind} in the document, which becomes {_WRITTEN[kind]}",
        remedy=f"correct the type in the schema or under data.fields, {_INFER}",
    )
