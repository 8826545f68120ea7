"""What is known of a batch of predictions before they are made: the documents, and the model by version and run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tfx.types import artifact, artifact_utils

from components import signature
from components.bulk_inferrer.result import ModelUsed
from components.exports.fields import ID
from components.pusher.destination import seen
from components.pusher.ledger import read_ledger
from foundation.saved_model import CLASSES_FILE
from foundation.stores.mirror import address_of, placed

RUN = "run"
"""Custom property of a blessing: the run that gave it."""

Artifacts = dict[str, list[artifact.Artifact]]


def fill(examples: artifact.Artifact) -> dict[str, Any]:
    """Returns the fields of the result about the documents, which their Examples say."""
    return {
        "span": examples.span or None,
        "quarantined": examples.get_int_custom_property("documents_quarantined"),
        "without_id": examples.get_int_custom_property("documents_without_id"),
        "out_of_order": bool(examples.get_int_custom_property("folded")),
    }


def ids_are_hashed(examples: artifact.Artifact) -> bool:
    """Returns whether the privacy policy hashed the ids of the documents."""
    return ID in json.loads(examples.get_string_custom_property("privacy_rules") or "{}")


def model_used(inputs: Artifacts, properties: dict[str, Any], run: str) -> ModelUsed:
    """Returns which model predicts.

    Args:
        inputs: ``model`` and ``blessing``.
        properties: Of the execution: ``pushed_to``, the folder of the versions or nothing, and ``base_folder``.
        run: The run that predicts.

    Raises:
        DataError: The ledger of the versions is damaged.
        StorageError: The versions cannot be read.
    """
    local = artifact_utils.get_single_uri(inputs["model"])
    uri = address_of(local)
    blessed_by = artifact_utils.get_single_instance(inputs["blessing"]).get_string_custom_property(RUN)
    pushed = properties.get("pushed_to")
    folder = placed(pushed, Path(properties["base_folder"])) if pushed else None
    entries = read_ledger(seen(folder)) if folder else {}
    versions = [number for number, entry in entries.items() if Path(entry.model).is_relative_to(uri)]
    candidate = inputs.get("candidate")
    same = candidate is None or candidate[0].uri == local
    return ModelUsed(uri, max(versions, default=None), max(entries, default=None), blessed_by or "", same)


def classes(model: str) -> dict[str, Any]:
    """Returns the field of the result with the names of a model's classes, if it has any."""
    return {"classes": tuple(signature.class_names(model))} if (Path(model) / CLASSES_FILE).exists() else {}
