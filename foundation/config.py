"""The base of every typed slice of the document: frozen, and an unknown key is an error."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Config(BaseModel):
    """A slice of the document.

    Frozen, so that it can be hashed into a fingerprint; unknown keys are refused; attribute docstrings become the
    descriptions of the JSON Schema.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, populate_by_name=True)

    def canonical_json(self) -> str:
        """Returns the slice as JSON with every default written out; stable for fingerprints and exec properties."""
        import json

        return json.dumps(self.model_dump(mode="json", by_alias=True), sort_keys=True, separators=(",", ":"))
