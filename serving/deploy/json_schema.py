"""The JSON Schema of the deploy document, short forms included, for completion and checks in an editor."""

from __future__ import annotations

from typing import Final

from foundation.document.json_schema import Schema, either, model_schema
from serving.deploy.document import EMPTY_SECTIONS, DeployDocument

_QUANTITIES: Final = {
    "ResourcesConfig": ("cpu", "memory", "cpu_limit", "memory_limit"),
    "StorageConfig": ("size",),
}
"""Model → its keys that accept ``cpu: 2`` for ``cpu: "2"``."""


def document_schema() -> Schema:
    """Returns the JSON Schema of the document as users may write it."""
    schema = model_schema(DeployDocument, "Penstock deployment")
    properties, definitions = schema["properties"], schema["$defs"]
    for section in EMPTY_SECTIONS:
        properties[section] = either(properties[section], {"const": True})
    models = properties["models"]
    models["additionalProperties"] = either(models["additionalProperties"], {"type": "null"})
    for model, keys in _QUANTITIES.items():
        quantities = definitions[model]["properties"]
        for key in keys:
            quantities[key] = either(quantities[key], {"type": "number"})
    definitions["VersionsConfig"] = _versions(definitions["VersionsConfig"])
    return schema


def _versions(long_form: Schema) -> Schema:
    """Replaces the long form by the short ones: ``all``, a list of versions, or ``{latest: N}``."""
    properties = long_form["properties"]
    specific = {key: properties["specific"][key] for key in ("type", "items")}
    latest = {"latest": properties["latest"]}
    return {
        "anyOf": [
            {"const": "all"},
            {**specific, "minItems": 1},
            {"type": "object", "properties": latest, "additionalProperties": False},
        ],
        "description": long_form["description"].replace("``", ""),
    }
