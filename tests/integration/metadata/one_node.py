"""Launches one node that waits in the middle: ``python -m`` with its metadata in JSON and a folder.

The executor makes the file ``executing`` in the folder and goes on when there is a file ``go``.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfx.dsl.compiler.compiler import Compiler
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.orchestration.pipeline import Pipeline
from tfx.orchestration.portable import runtime_parameter_utils
from tfx.types import component_spec, standard_artifacts
from tfx.types.channel import Channel

from pipeline.document.models import MetadataConfig
from pipeline.lineage.store import connection_config
from pipeline.runners.node_executor import NodeExecutor


class Waits(base_executor.BaseExecutor):
    """Says that it runs, and waits for an answer."""

    def Do(self, input_dict: Any, output_dict: Any, exec_properties: Any) -> None:
        """Waits for the file."""
        folder = Path(exec_properties["folder"])
        (folder / "executing").touch()
        while not (folder / "go").exists():
            time.sleep(0.05)


class WaitingSpec(component_spec.ComponentSpec):
    """A folder in, a model out."""

    PARAMETERS = {"folder": component_spec.ExecutionParameter(type=str)}
    INPUTS: dict[str, Any] = {}
    OUTPUTS = {"model": component_spec.ChannelParameter(type=standard_artifacts.Model)}


class Waiting(base_component.BaseComponent):
    """The node."""

    SPEC_CLASS = WaitingSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Waits)

    def __init__(self, folder: Path) -> None:
        super().__init__(WaitingSpec(folder=str(folder), model=Channel(standard_artifacts.Model)))


@contextlib.contextmanager
def no_beam(node: str, attempt: int) -> Iterator[list[str]]:
    """Gives no arguments for Beam."""
    yield []


def main() -> None:
    """Launches the node."""
    config, folder = MetadataConfig.model_validate(json.loads(sys.argv[1])), Path(sys.argv[2])
    whole = Pipeline("learners", str(folder / "artifacts"), components=[Waiting(folder)], enable_cache=False)
    ir = Compiler().compile(whole)
    runtime_parameter_utils.substitute_runtime_parameter(ir, {"pipeline-run-id": "r1"})
    NodeExecutor(ir, connection_config(config, folder), no_beam).run("Waiting")


if __name__ == "__main__":
    main()
