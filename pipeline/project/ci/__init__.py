"""Writes a project's CI: a workflow for GitHub or GitLab, and the document of its staging run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from foundation.errors import StorageError
from foundation.publish import write_text
from pipeline.document import PipelineSpec
from pipeline.document.loader import load

Service = Literal["github", "gitlab"]

_HERE = Path(__file__).parent
_WORKFLOWS: dict[Service, str] = {
    "github": ".github/workflows/penstock.yml",
    "gitlab": ".gitlab-ci.yml",
}
"""Service → path of the workflow in the repository."""
_STAGING = "staging.yaml"
_SAMPLE = "tests/sample/*"


def write_ci(folder: Path, service: Service) -> list[Path]:
    """Writes the workflow at the top of the repository, and ``staging.yaml`` beside the document if there is none.

    Args:
        folder: Folder of ``pipeline.yaml``.
        service: Who runs it.

    Returns:
        The files written.

    Raises:
        SpecError: The document is missing or invalid.
        StorageError: The workflow exists already, or a file cannot be written.
    """
    document = load([folder / "pipeline.yaml"])
    top = _repository(folder)
    workflow, staging = top / _WORKFLOWS[service], folder / _STAGING
    if os.path.lexists(workflow):
        raise StorageError(
            str(workflow),
            expected="no such file",
            seen="it exists",
            remedy="move it away, or write the steps into it by hand; nothing was written",
        )
    place = os.path.relpath(folder.resolve(), top.resolve()).replace(os.sep, "/")
    text = _text(f"{service}.yaml").replace("@FOLDER@", place).replace("@VERSION@", version("penstock"))
    write_text(workflow, text)
    if staging.exists():  # it serves both services
        return [workflow]
    write_text(staging, _text(_STAGING) + "".join(_overrides(document.spec)))
    return [workflow, staging]


def _overrides(spec: PipelineSpec) -> Iterator[str]:
    """Yields what a staging run has of its own in place of the document's: what it reads, and all that it writes."""
    yield f"data:\n  mongo_export: {_SAMPLE}\n"
    yield from ["  bigquery: !remove\n"] if spec.data.bigquery else []
    yield from ["  span: latest\n"] if spec.data.span != "latest" else []
    yield from ["  window: 1\n"] if spec.data.window > 1 else []
    yield from ["push:\n  to: build/serving_models\n"] if spec.push else []
    if spec.infer:
        yield f"infer:\n  mongo_export: {_SAMPLE}\n  to: build/predictions\n"
        yield from ["  span: latest\n"] if spec.infer.span != "latest" else []
    if spec.metadata.model_fields_set:
        yield "metadata:\n  sqlite: {path: build/staging/metadata.db}\n"
    if "beam" in spec.run.model_fields_set:
        yield "run: {beam: local, beam_args: []}\n"


def _repository(folder: Path) -> Path:
    """Returns the top of the repository that holds a folder; the folder itself outside of one."""
    whole = folder.absolute()
    return next((one for one in (whole, *whole.parents) if (one / ".git").exists()), folder)


def _text(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")
