"""What a runner needs to execute a plan: plain data, written as JSON for other processes, without secrets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from components.exports.source import ResolvedInput
from components.node import Inputs
from foundation.publish import write_text
from pipeline.document.models import PipelineSpec


@dataclass(frozen=True)
class Job:
    """One run of one document.

    Attributes:
        document: The document.
        inputs: What it refers to: export, schema, earlier statistics.
        root: Folder for artifacts, metadata and logs.
        run: Id of the run.
        folder: Folder of this run: its job file, its compiled pipeline and its log.
    """

    document: PipelineSpec
    inputs: Inputs
    root: Path
    run: str
    folder: Path

    @property
    def file(self) -> Path:
        """Path of the job file."""
        return self.folder / "job.json"

    @property
    def ir_file(self) -> Path:
        """Path of the compiled pipeline: TFX's intermediate representation, binary."""
        return self.folder / "pipeline.pb"

    @property
    def ir_json_file(self) -> Path:
        """Path of the compiled pipeline as proto-JSON, in place of ``ir_file`` where it comes from a bundle."""
        return self.folder / "pipeline.json"

    @property
    def log_file(self) -> Path:
        """Path of the log of everything that nodes and libraries print."""
        return self.folder / "log.txt"

    def write(self) -> None:
        """Writes the job to its file."""
        write_text(self.file, json.dumps(self.as_json()))

    def as_json(self) -> dict[str, Any]:
        """Returns the job as plain values."""
        document = self.document.model_dump(mode="json", by_alias=True)
        places = {"root": str(self.root), "run": self.run, "folder": str(self.folder)}
        return {"document": document, "inputs": inputs_as_json(self.inputs), **places}

    @staticmethod
    def read(path: Path) -> Job:
        """Reads a job written by ``write``."""
        return Job.from_json(json.loads(path.read_text(encoding="utf-8")))

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> Job:
        """Returns the job that ``as_json`` made these values of."""
        return Job(
            PipelineSpec.model_validate(value["document"]),
            inputs_from_json(value["inputs"]),
            Path(value["root"]),
            value["run"],
            Path(value["folder"]),
        )


def inputs_as_json(inputs: Inputs) -> dict[str, Any]:
    """Returns inputs as plain values."""
    return {
        **asdict(inputs),
        "folder": str(inputs.folder),
        "code": str(inputs.code) if inputs.code else None,
        "data": inputs.data.to_json(),
        "infer": inputs.infer.to_json() if inputs.infer else None,
    }


def inputs_from_json(value: Mapping[str, Any]) -> Inputs:
    """Returns the inputs that ``inputs_as_json`` made these values of."""
    inputs = dict(value)
    inputs["folder"] = Path(inputs["folder"])
    inputs["code"] = Path(inputs["code"]) if inputs.get("code") else None
    inputs["data"] = ResolvedInput.from_json(inputs["data"])
    inputs["infer"] = ResolvedInput.from_json(inputs["infer"]) if inputs["infer"] else None
    return Inputs(**inputs)
