"""Executor of Evaluator: in its own process where the test split fits, otherwise TFMA's pipeline on Beam."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import tensorflow_model_analysis as tfma
from google.protobuf import json_format
from tfx.components.evaluator import executor as stock
from tfx.dsl.io import fileio
from tfx.types import artifact, artifact_utils
from tfx.utils import io_utils, path_utils

from components import in_process
from components.evaluator import direct, kept, records
from components.evaluator.module import OUTPUTS, batch_evaluator, settings_of
from components.evaluator.tfma_metrics import REFERENCES
from components.written import check_written

Artifacts = dict[str, list[artifact.Artifact]]


class Executor(stock.Executor):
    """Writes TFMA's files and ``evaluation.json``."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:  # noqa: N802
        """Evaluates the model, next to the last blessed one if there is one."""
        splits = json.loads(exec_properties["example_splits"])
        uri = artifact_utils.get_single_uri(output_dict["evaluation"])
        if in_process.fits(input_dict["examples"], splits, self._beam_pipeline_args or ()):
            evaluate_in_process(input_dict, Path(uri), exec_properties["eval_config"], splits)
            return
        super().Do(input_dict, output_dict, exec_properties)
        check_written({"evaluation": output_dict["evaluation"]})  # without thresholds TFMA blesses nothing
        found = records.read(uri)
        if "://" not in uri:
            found.write(uri)
            return
        with fileio.open(f"{uri}/{found.FILE}", "w") as file:
            file.write(found.text())


def evaluate_in_process(inputs: Artifacts, where: Path, config_text: str, splits: list[str]) -> None:
    """Evaluates without Beam.

    Args:
        inputs: The node's inputs.
        where: Folder of the evaluation.
        config_text: TFMA's configuration as JSON.
        splits: Splits to evaluate on.
    """
    models = {"candidate": inputs["model"], "baseline": inputs.get("baseline_model") or []}
    folders = {name: _serving(found[0]) for name, found in models.items() if found}
    config = tfma.utils.update_eval_config_with_defaults(
        json_format.Parse(config_text, tfma.EvalConfig()),
        has_baseline="baseline" in folders,
        rubber_stamp=True,
    )
    paths = {
        spec.name: folders["baseline" if spec.is_baseline else "candidate"] for spec in config.model_specs
    }
    files = [file for split in splits for file in in_process.files_of(inputs["examples"], split)]
    output = OUTPUTS[settings_of(config)["task"]]
    answers = kept.Answers(where, kept.digest(files), [output, *REFERENCES])
    asked = batch_evaluator(paths, config, answers.ask)
    asked.look()
    found = direct.evaluate(asked, config, _advancing(files, answers), _schema(inputs))
    written = direct.write(where, found, config, paths)
    names = {path: name for name, path in folders.items()}
    read = sorted({names.get(path, "references") for path in answers.read})
    records.evaluation(written, "in process", read).write(where)
    answers.keep()


def _advancing(files: Iterable[Path], answers: kept.Answers) -> Iterator[list[bytes]]:
    for batch in in_process.batches(files):
        yield batch
        answers.advance(len(batch))


def _serving(model: artifact.Artifact) -> str:
    return str(path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model)))


def _schema(inputs: Artifacts) -> bytes | None:
    if not inputs.get("schema"):
        return None
    file = io_utils.get_only_uri_in_dir(artifact_utils.get_single_uri(inputs["schema"]))
    return bytes(io_utils.SchemaReader().read(file).SerializeToString())
