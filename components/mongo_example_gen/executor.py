"""The TFX executor of MongoExampleGen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils

from components.exports.fields import FieldConfig
from components.exports.source import ResolvedInput
from components.mongo_example_gen import quarantine
from components.mongo_example_gen.config import DataConfig
from components.mongo_example_gen.ingest import ingest
from components.mongo_example_gen.plan import as_trained, make_plan
from components.mongo_example_gen.reading import Request
from components.mongo_example_gen.result import Ingestion
from foundation.stores.exchange import flagged


class Executor(base_beam_executor.BaseBeamExecutor):
    """Turns an export into an Examples artifact."""

    def Do(  # noqa: N802 - TFX's name
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Runs the ingestion.

        Args:
            input_dict: Empty; for documents to predict for ``trained``, the Examples that were learnt from.
            output_dict: ``examples``: one Examples artifact.
            exec_properties: ``config``, ``fields``, ``base_folder``, ``labelled``, ``input_json``.

        Raises:
            DataError: The export is invalid, or its data fails a check.
            StorageError: Something cannot be read or written.
        """
        examples = artifact_utils.get_single_instance(output_dict["examples"])
        config = DataConfig.model_validate_json(exec_properties["config"])
        fields = {path: FieldConfig(**field) for path, field in json.loads(exec_properties["fields"]).items()}
        source = ResolvedInput.from_json(exec_properties["input_json"])
        base_folder = Path(exec_properties["base_folder"])
        output = Path(examples.uri)
        if len(output.parents) >= 3:
            quarantine.check_outside(base_folder / config.bad_documents.folder, output.parents[2])
        plan = make_plan(config, fields, bool(exec_properties["labelled"]))
        if input_dict.get("trained"):
            learnt = Ingestion.read(artifact_utils.get_single_uri(input_dict["trained"]))
            plan = as_trained(plan, {field.feature: field.kinds for field in learnt.fields})
        request = Request(config, plan, source, base_folder, output, flagged(self._extra_flags))
        report = ingest(request, self._make_beam_pipeline)
        _describe(examples, report, source, folded=config.changes is not None)


def _describe(examples: types.Artifact, report: dict[str, Any], source: ResolvedInput, folded: bool) -> None:
    """Sets the properties that other components and lineage read."""
    examples.split_names = artifact_utils.encode_split_names(list(report["splits"]))
    examples.span = source.span or 0
    examples.version = source.version or 0
    # As TFX's ``examples_utils`` sets them, which loads TensorFlow.
    examples.set_string_custom_property("payload_format", "FORMAT_TF_EXAMPLE")
    examples.set_string_custom_property("file_format", "tfrecords_gzip")
    examples.set_string_custom_property("input_fingerprint", source.fingerprint)
    for name in ("read", "accepted", "quarantined", "filtered", "superseded"):
        examples.set_int_custom_property(f"documents_{name}", report["documents"].get(name, 0))
    without_id = report["documents"].get("without _id, predicted without a key", 0)
    examples.set_int_custom_property("documents_without_id", without_id)
    examples.set_int_custom_property("folded", int(folded))
    privacy = report["privacy"]
    if privacy["rules"]:
        examples.set_string_custom_property("privacy_rules", json.dumps(privacy["rules"], sort_keys=True))
    if privacy["key_id"]:
        examples.set_string_custom_property("privacy_key_id", privacy["key_id"])
