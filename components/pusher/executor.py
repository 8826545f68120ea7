"""Executor of the pusher: publishes a model that every gate has blessed, and leaves any other where it is."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from tfx.dsl.components.base import base_executor
from tfx.types import artifact, artifact_utils
from tfx.utils import path_utils

from components.pusher.config import PushConfig
from components.pusher.destination import places_of
from components.pusher.result import PushResult
from components.pusher.versions import push
from foundation.outside import left
from foundation.stores.mirror import address_of, placed

log = logging.getLogger(__name__)

Artifacts = dict[str, list[artifact.Artifact]]


class Executor(base_executor.BaseExecutor):
    """Pushes a blessed model; not pushing an unblessed one is a result, not an error."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:  # noqa: N802
        """Writes ``pushed_model``: custom properties pushed, pushed_destination, pushed_version, as TFX's Pusher does.

        Raises:
            DataError: The model is not a SavedModel.
            StorageError: The folder or store cannot be written, or the disk is full.
        """
        config = PushConfig.model_validate_json(exec_properties["config"])
        result = artifact_utils.get_single_instance(output_dict["pushed_model"])
        why = refusals(input_dict)
        if why:
            log.warning("Nothing pushed to %s: %s.", config.to, "; ".join(why))
            result.set_int_custom_property("pushed", 0)
            PushResult(pushed=False, why=tuple(why)).write(result.uri)
            return
        folder = placed(config.to, Path(exec_properties["base_folder"]))
        model, served = _models(input_dict)
        run = (self._context.pipeline_run_id if self._context else None) or ""
        done = push(served, folder, config.keep_versions, origin=address_of(model), run=run)
        log.info(
            "%s version %d in %s.",
            "Pushed" if done.new else "Already there:",
            done.number,
            address_of(folder),
        )
        result.set_int_custom_property("pushed", 1)
        result.set_string_custom_property("pushed_destination", address_of(done.path))
        result.set_string_custom_property("pushed_version", str(done.number))
        PushResult(
            pushed=True,
            version=done.number,
            new=done.new,
            removed=done.removed,
            again_of=done.again_of,
            fingerprint=done.fingerprint,
            left=left(places_of(done.path)),
        ).write(result.uri)


def refusals(inputs: Artifacts) -> list[str]:
    """Returns why a model is not pushed: one reason for each missing blessing; empty if it is pushed."""
    found = []
    if not _says_yes(artifact_utils.get_single_instance(inputs["blessing"])):
        found.append("the model is not blessed")
    for infra_blessing in inputs.get("infra_blessing") or ():
        if not _says_yes(infra_blessing):
            said = infra_blessing.get_string_custom_property("sentence")
            found.append(said.rstrip(".").replace("Not", "it is not", 1) or "it is not fit to serve")
    return found


def _says_yes(blessing: artifact.Artifact) -> bool:
    """Returns whether a blessing is one, as TFX's ``model_utils`` does, which loads TensorFlow."""
    return bool(blessing.get_int_custom_property("blessed") == 1)


def _models(inputs: Artifacts) -> tuple[str, str]:
    """Returns where the model was exported, and the files to push: those served in infra validation, if any."""
    model = path_utils.serving_model_path(artifact_utils.get_single_uri(inputs["model"]))
    for infra_blessing in inputs.get("infra_blessing") or ():
        if infra_blessing.get_int_custom_property("has_model"):
            return model, path_utils.stamped_model_path(infra_blessing.uri)
    return model, model
