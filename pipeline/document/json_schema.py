"""The JSON Schema of the document (draft 2020-12), including short forms, for completion and checks in editors."""

from __future__ import annotations

from collections.abc import Iterator

from components.transform.transformations import TRANSFORMATIONS
from foundation.document.json_schema import Schema, either, model_schema
from pipeline.document.models import PipelineSpec

_SHARED = "SharedValue"
_FUNCTION: Schema = {
    "type": "string",
    "pattern": r"\.py:[A-Za-z_]\w*$",
    "description": "A function of your own, file.py:function.",
}
_PERCENT: Schema = {"type": "string", "pattern": r"^\s*[0-9]+(\.[0-9]*)?\s*%\s*$"}


def document_schema() -> Schema:
    """Returns the JSON Schema of the document as users may write it."""
    schema = model_schema(PipelineSpec, "Penstock pipeline")
    definitions: Schema = schema["$defs"]
    for model in (schema, *definitions.values()):
        for key, value in model.get("properties", {}).items():
            model["properties"][key] = _or_shared(value)
    _add_short_forms(definitions)
    definitions[_SHARED] = {
        "type": "string",
        "pattern": r"^\$\{[A-Za-z_]\w*\}$",
        "description": "A shared value, from values.",
    }
    schema["properties"]["model"] = either(schema["properties"]["model"], _FUNCTION)
    schema["properties"]["features"] = _features(schema["properties"]["features"])
    schema["properties"]["values"] = {
        "type": "object",
        "propertyNames": {"pattern": r"^[A-Za-z_]\w*$"},
        "description": "Shared values: used anywhere in the document as ${name}.",
    }
    return schema


def _or_shared(schema: Schema) -> Schema:
    """Allows a shared value wherever a value is not plain text."""
    return schema if schema.get("type") == "string" else either(schema, {"$ref": f"#/$defs/{_SHARED}"})


def _property(definitions: Schema, model: str, key: str) -> Schema:
    found: Schema = definitions[model]["properties"][key]
    return found


def _mappings(schema: Schema) -> Iterator[Schema]:
    """Yields the variants of a schema that are mappings with any keys."""
    for arm in [schema, *schema.get("anyOf", [])]:
        if isinstance(arm.get("additionalProperties"), dict):
            yield arm


def _add_short_forms(definitions: Schema) -> None:
    entries: list[tuple[str, str, list[Schema]]] = [
        ("DataConfig", "fields", [{"type": "string"}, {"type": "null"}]),
        ("ValidateConfig", "drift", [{"const": "calibrated"}]),
        ("ValidateConfig", "train_test", [{"const": "calibrated"}]),
        ("EvaluateConfig", "gates", [{"type": "number"}]),
        ("TuneConfig", "search", [{"type": "array", "minItems": 1}]),
    ]
    for model, key, forms in entries:
        for mapping in _mappings(_property(definitions, model, key)):
            mapping["additionalProperties"] = either(mapping["additionalProperties"], *forms)
    devices = definitions["TrainConfig"]["properties"]
    devices["devices"] = either(devices["devices"], {"const": "all"}, {"type": "integer", "minimum": 1})
    serving = definitions["ServingGates"]["properties"]
    for metric in serving:
        serving[metric] = either(serving[metric], {"type": "number"})
    bad = definitions["BadDocumentsConfig"]["properties"]
    bad["fail_above"] = either(bad["fail_above"], _PERCENT)
    transformation = definitions["Transformation"]
    for kind in [name for name, one in TRANSFORMATIONS.items() if one.short]:
        transformation["properties"][kind] = either(
            transformation["properties"][kind], {"type": "integer", "minimum": 1}
        )
    transformation |= {"minProperties": 1, "maxProperties": 1}


def _features(schema: Schema) -> Schema:
    """Replaces the long form with the one users write: feature → one transformation or a list of them."""
    one: Schema = {
        "anyOf": [
            {"enum": [name for name, kind in TRANSFORMATIONS.items() if not kind.needs_a_value]},
            {"$ref": "#/$defs/Transformation"},
        ]
    }
    several = {"type": "array", "items": one, "minItems": 1}
    entry = {"anyOf": [*one["anyOf"], several, {"$ref": f"#/$defs/{_SHARED}"}]}
    declared = {"type": "object", "additionalProperties": entry, "minProperties": 1}
    long_form = {
        "type": "object",
        "properties": {"preprocessing_fn": _FUNCTION},
        "additionalProperties": False,
    }
    return {"anyOf": [_FUNCTION, declared, long_form], "description": schema["description"]}
