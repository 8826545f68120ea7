"""Writes chains to ML Metadata from several processes at once, as nodes do: ``python -m`` with a plan in JSON.

Each chain is what the launcher writes for one node: its contexts, a registered execution, then its end with two
artifacts. The processes are forked, so that TFX is imported once.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
import traceback
from pathlib import Path
from typing import Any

from ml_metadata.proto import metadata_store_pb2 as pb
from tfx.orchestration.portable import execution_publish_utils as publishing
from tfx.orchestration.portable.mlmd import context_lib
from tfx.types import standard_artifacts

from pipeline.document.models import MetadataConfig
from pipeline.lineage.store import connection_config
from pipeline.runners.handle import Handle


def chain(handle: Handle, run: str, node: str, place: str) -> None:
    """Writes what a node's launch writes."""
    with handle as opened:
        named = (("pipeline", "learners"), ("pipeline_run", run), ("node", f"learners.{node}"))
        contexts = [context_lib.register_context_if_not_exists(opened, kind, name) for kind, name in named]
        kind = pb.ExecutionType(name=f"components.x.{node}")
        execution = publishing.register_execution(opened, kind, contexts, {}, {"penstock_node": node})
        made: dict[str, Any] = {
            "examples": standard_artifacts.Examples(),
            "model": standard_artifacts.Model(),
        }
        for key, artifact in made.items():
            artifact.uri = f"{place}/{key}"
        outputs = {key: [artifact] for key, artifact in made.items()}
        publishing.publish_succeeded_execution(opened, execution.id, contexts, outputs)


def write(connection: Any, process: int, chains: int, runs: int, said: Any) -> None:
    """Writes chains, all from one process, and says which failed."""
    handle, failed = Handle(connection), []
    for number in range(chains):
        try:
            chain(handle, f"r{number % runs}", f"Node{process}", f"/x/{process}/{number}")
        except Exception:  # noqa: BLE001 - the test reads it
            failed.append(traceback.format_exc())
    said.put(failed)


def main() -> None:
    """Writes to each store of the plan in turn.

    The plan: ``{"stores": {name: [metadata, root]}, "processes": 6, "chains": 84, "runs": 10}``.
    """
    plan = json.loads(sys.argv[1])
    forking, failed = multiprocessing.get_context("fork"), {}
    for name, (metadata, root) in plan["stores"].items():
        connection = connection_config(MetadataConfig.model_validate(metadata), Path(root))
        said = forking.Queue()
        writers = [
            forking.Process(target=write, args=(connection, i, plan["chains"], plan["runs"], said))
            for i in range(plan["processes"])
        ]
        for writer in writers:
            writer.start()
        failed[name] = [one for _ in writers for one in said.get()]
        for writer in writers:
            writer.join()
    print(json.dumps(failed))


if __name__ == "__main__":
    main()
