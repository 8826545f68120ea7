"""What the JSON Schemas (draft 2020-12) of all documents share."""

from __future__ import annotations

import json
from typing import Any

from foundation.config import Config

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def model_schema(model: type[Config], title: str) -> Schema:
    """Returns a model's JSON Schema without the titles that only repeat the keys.

    Args:
        model: The model of the whole document.
        title: What the document is called.
    """
    return titled(model.model_json_schema(by_alias=True, mode="validation"), title)


def titled(schema: Schema, title: str) -> Schema:
    """Returns a schema under its own title, without those that only repeat the keys."""
    for section in (schema, *schema.get("$defs", {}).values()):
        section.pop("title", None)
        for value in section.get("properties", {}).values():
            value.pop("title", None)
    return {"$schema": DIALECT, "title": title, **schema}


def either(schema: Schema, *others: Schema) -> Schema:
    """Returns a schema that takes other forms too; description and default stay outside, where editors look."""
    outside: Schema = {key: schema[key] for key in ("description", "default") if key in schema}
    inside = {key: value for key, value in schema.items() if key not in outside}
    arms = inside["anyOf"] if set(inside) == {"anyOf"} else [inside]
    return {"anyOf": [*arms, *others], **outside}


def schema_text(schema: Schema) -> str:
    """Returns a JSON Schema as indented text, the same at every call."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
