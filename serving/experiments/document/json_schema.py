"""The JSON Schema of the document, short forms included, for completion and checks in an editor."""

from __future__ import annotations

from foundation.document.json_schema import Schema, either, model_schema
from serving.experiments.document.models import ExperimentsDocument
from serving.experiments.modes.registry import MODES


def document_schema() -> Schema:
    """Returns the JSON Schema of the document as users may write it."""
    schema = model_schema(ExperimentsDocument, "Penstock experiments")
    properties, definitions = schema["properties"], schema["$defs"]
    properties["state"] = either(properties["state"], {"type": "string"})
    layers = properties["layers"]["patternProperties"]
    for pattern, layer in layers.items():
        layers[pattern] = either(layer, {"type": "null"})
    experiment = definitions["ExperimentConfig"]["properties"]
    experiment["unit"] = either(experiment["unit"], {"const": "request"})
    experiment["mode"] = either(experiment["mode"], {"enum": sorted(MODES)})
    mode = definitions["ModeConfig"]["properties"]
    mode["features"] = either(mode["features"], {"type": "array", "items": {"type": "string"}})
    properties["alert"] = either(properties["alert"], {"type": "string"})
    definitions["LogPrivacyConfig"]["properties"]["rules"]["additionalProperties"] = either(
        {"$ref": "#/$defs/PrivacyRule"}, {"enum": ["drop", "hash"]}
    )
    return schema
