"""The JSON Schema of the document (draft 2020-12), short forms included, so that an editor completes and checks it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from components.transform.config import SHORT, Transformation
from pipeline.document.models import PipelineSpec

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_SHARED = "SharedValue"
_NEEDS_A_VALUE = ("buckets", "hash", "cross", "date_parts")
_FUNCTION: Schema = {
    "type": "string",
    "pattern": r"\.py:[A-Za-z_]\w*$",
    "description": "A function of your own, file.py:function.",
}
_PERCENT: Schema = {"type": "string", "pattern": r"^\s*[0-9]+(\.[0-9]*)?\s*%\s*$"}


def document_schema() -> Schema:
    """Returns the JSON Schema of the document as a person may write it."""
    schema = PipelineSpec.model_json_schema(by_alias=True, mode="validation")
    definitions: Schema = schema["$defs"]
    for model in (schema, *definitions.values()):
        _tidy(model)
        for key, value in model.get("properties", {}).items():
            model["properties"][key] = _or_shared(value)
    _add_short_forms(definitions)
    definitions[_SHARED] = {
        "type": "string",
        "pattern": r"^\$\{[A-Za-z_]\w*\}$",
        "description": "A shared value, from values.",
    }
    schema["properties"]["model"] = _either(schema["properties"]["model"], _FUNCTION)
    schema["properties"]["features"] = _features(schema["properties"]["features"])
    schema["properties"]["values"] = {
        "type": "object",
        "propertyNames": {"pattern": r"^[A-Za-z_]\w*$"},
        "description": "Shared values: used anywhere in the document as ${name}.",
    }
    return {"$schema": DIALECT, "title": "Penstock pipeline", **schema}


def document_schema_text() -> str:
    """Returns the JSON Schema as indented text, the same at every call."""
    return json.dumps(document_schema(), indent=2, ensure_ascii=False) + "\n"


def _tidy(model: Schema) -> None:
    """Drops the titles that only repeat the keys."""
    model.pop("title", None)
    for value in model.get("properties", {}).values():
        value.pop("title", None)


def _either(schema: Schema, *others: Schema) -> Schema:
    """Returns a schema that takes other forms too; description and default stay outside, where editors look."""
    outside: Schema = {key: schema[key] for key in ("description", "default") if key in schema}
    inside = {key: value for key, value in schema.items() if key not in outside}
    arms = inside["anyOf"] if set(inside) == {"anyOf"} else [inside]
    return {"anyOf": [*arms, *others], **outside}


def _or_shared(schema: Schema) -> Schema:
    """Lets a value that is no plain text be a shared value."""
    return schema if schema.get("type") == "string" else _either(schema, {"$ref": f"#/$defs/{_SHARED}"})


def _property(definitions: Schema, model: str, key: str) -> Schema:
    found: Schema = definitions[model]["properties"][key]
    return found


def _mappings(schema: Schema) -> Iterator[Schema]:
    """Yields the arms of a schema that are mappings of any key."""
    for arm in [schema, *schema.get("anyOf", [])]:
        if isinstance(arm.get("additionalProperties"), dict):
            yield arm


def _add_short_forms(definitions: Schema) -> None:
    entries: list[tuple[str, str, list[Schema]]] = [
        ("DataConfig", "fields", [{"type": "string"}, {"type": "null"}]),
        ("EvaluateConfig", "gates", [{"type": "number"}]),
        ("TuneConfig", "search", [{"type": "array", "minItems": 1}]),
    ]
    for model, key, forms in entries:
        for mapping in _mappings(_property(definitions, model, key)):
            mapping["additionalProperties"] = _either(mapping["additionalProperties"], *forms)
    serving = definitions["ServingGates"]["properties"]
    for metric in serving:
        serving[metric] = _either(serving[metric], {"type": "number"})
    bad = definitions["BadDocumentsConfig"]["properties"]
    bad["fail_above"] = _either(bad["fail_above"], _PERCENT)
    transformation = definitions["Transformation"]
    for kind in SHORT:
        transformation["properties"][kind] = _either(
            transformation["properties"][kind], {"type": "integer", "minimum": 1}
        )
    transformation |= {"minProperties": 1, "maxProperties": 1}


def _features(schema: Schema) -> Schema:
    """Replaces the long form by what a person writes: feature → one transformation or a list of them."""
    one: Schema = {
        "anyOf": [
            {"enum": [name for name in Transformation.model_fields if name not in _NEEDS_A_VALUE]},
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
