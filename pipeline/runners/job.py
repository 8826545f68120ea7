"""What a worker process needs to know to run nodes of one run: plain data, written as JSON, without secrets."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from components.mongo_example_gen.source import ResolvedInput
from foundation.publish import write_text
from pipeline.document.models import PipelineSpec
from pipeline.graph import Surroundings


@dataclass(frozen=True)
class Job:
    """One run of one document.

    Attributes:
        spec: The document.
        around: What is outside it.
        root: Folder for artifacts, metadata and logs.
        run: Id of the run.
        beam_args: Arguments of every Beam pipeline.
        reading_args: Arguments of the Beam pipeline that reads the export.
    """

    spec: PipelineSpec
    around: Surroundings
    root: Path
    run: str
    beam_args: tuple[str, ...]
    reading_args: tuple[str, ...]

    def write(self, path: Path) -> None:
        """Writes the job to a file."""
        around = self.around
        value = {
            "spec": self.spec.model_dump(mode="json", by_alias=True),
            "folder": str(around.folder),
            "data": around.data.to_json(),
            "infer": around.infer.to_json() if around.infer else None,
            "schema": around.schema,
            "previous_statistics": around.previous_statistics,
            "privacy_key": around.privacy_key,
            "rest": {k: v for k, v in asdict(self).items() if k in ("run", "beam_args", "reading_args")},
            "root": str(self.root),
        }
        write_text(path, json.dumps(value))

    @staticmethod
    def read(path: Path) -> Job:
        """Reads a job that ``write`` has written."""
        value = json.loads(path.read_text(encoding="utf-8"))
        around = Surroundings(
            folder=Path(value["folder"]),
            data=ResolvedInput.from_json(value["data"]),
            infer=ResolvedInput.from_json(value["infer"]) if value["infer"] else None,
            schema=value["schema"],
            previous_statistics=value["previous_statistics"],
            privacy_key=value["privacy_key"],
        )
        rest = value["rest"]
        spec = PipelineSpec.model_validate(value["spec"])
        return Job(
            spec,
            around,
            Path(value["root"]),
            rest["run"],
            tuple(rest["beam_args"]),
            tuple(rest["reading_args"]),
        )
