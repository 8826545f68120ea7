"""Every key of the document that holds a place, and the one rule of what may stand there.

``plan`` refuses what a key cannot hold, with the line, before anything is read or trained. A test compares this table
with the document's models: a new key with a place gets a line here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from foundation.places import Rule

KeyPath = tuple[str, ...]
"""The keys from the top of the document down to one."""


@dataclass(frozen=True)
class Place:
    """What may stand at one key.

    Attributes:
        rule: The rule.
        remedy: What to do about a store where none is allowed.
    """

    rule: Rule
    remedy: str = ""


_CODE = Place(Rule.LOCAL, "copy the file beside the document: Python imports it from there")

PLACES: Mapping[KeyPath, Place] = {
    ("root",): Place(Rule.WRITTEN),
    ("data", "mongo_export"): Place(Rule.READ),
    ("data", "bad_documents", "folder"): Place(
        Rule.LOCAL, "choose a folder: quarantined documents stay on this machine, for their owner alone"
    ),
    ("schema",): Place(Rule.LOCAL, "copy the schema beside the document: it is reviewed and kept with it"),
    ("features", "preprocessing_fn"): _CODE,
    ("model", "build_model"): _CODE,
    ("infra_validation", "server"): Place(Rule.LOCAL, "name the program on this machine"),
    ("push", "to"): Place(Rule.WRITTEN),
    ("infer", "mongo_export"): Place(Rule.READ),
    ("infer", "to"): Place(Rule.WRITTEN),
    ("metadata", "sqlite", "path"): Place(
        Rule.LOCAL,
        "choose a file, or keep the metadata on a server with metadata.postgresql or metadata.mysql",
    ),
}

ELSEWHERE: frozenset[KeyPath] = frozenset(
    {
        ("data", "bigquery", "temp_location"),  # Beam's: gs:// alone, by its pattern
        ("run", "beam_args"),  # Beam checks its own, such as --temp_location=gs://bucket/folder
    }
)
"""Keys with places that others read and write, each with a rule of its own."""
