"""Reads a pipeline document with Kubeflow's own packages and has its local runner run it; runs in their environment.

``kfp.local`` starts containers through Docker's Python package. The double of it here, at that edge, starts a
container's command as a process, with the variables of this one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import yaml


class _Container:
    """A container that has ended."""

    def __init__(self, command: list[str]) -> None:
        self._done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def logs(self, stream: bool) -> list[bytes]:
        return self._done.stdout.splitlines(keepends=True)

    def wait(self) -> dict[str, int]:
        return {"StatusCode": self._done.returncode}


class _Client:
    """As much of a Docker client as Kubeflow uses."""

    images = SimpleNamespace(list=list, pull=lambda image: None)
    containers = SimpleNamespace(run=lambda command, **others: _Container(command))

    def info(self) -> dict[str, Any]:
        return {}

    def close(self) -> None:
        """Has nothing to close."""


def without_docker() -> None:
    """Puts the double in the place of Docker's package."""
    docker = ModuleType("docker")
    docker.from_env = docker.DockerClient = _Client  # type: ignore[attr-defined]
    docker.errors = SimpleNamespace(NotFound=LookupError)  # type: ignore[attr-defined]
    sys.modules["docker"] = docker


def main(document: str, folder: str, given: str) -> None:
    """Reads a document in each way that Kubeflow does, and runs it.

    Args:
        document: Path of the document.
        folder: Folder for what the local runner writes.
        given: The run's inputs as JSON.
    """
    without_docker()
    from google.protobuf import json_format
    from kfp import components, local
    from kfp.pipeline_spec import pipeline_spec_pb2

    with open(document) as file:
        pipeline, *platforms = list(yaml.safe_load_all(file))
    read = json_format.ParseDict(pipeline, pipeline_spec_pb2.PipelineSpec())
    for platform in platforms:
        json_format.ParseDict(platform, pipeline_spec_pb2.PlatformSpec())
    component = components.load_component_from_file(document)
    local.init(runner=local.DockerRunner(), pipeline_root=folder)
    component(**json.loads(given))
    tasks = len(read.root.dag.tasks)
    print(json.dumps({"tasks": tasks, "inputs": sorted(component.component_spec.inputs)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
