"""Runs single nodes of a compiled pipeline with TFX's own launcher, or takes over the result of an earlier execution."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import data_types_utils, metadata
from tfx.orchestration.local import runner_utils
from tfx.orchestration.portable import (
    data_types,
    execution_publish_utils,
    inputs_utils,
    launcher,
    runtime_parameter_utils,
)
from tfx.orchestration.portable.mlmd import context_lib, execution_lib

from foundation.errors import NodeError
from pipeline.build import Places, build, compile_ir
from pipeline.graph import make_graph
from pipeline.lineage.store import connection_config
from pipeline.runners.job import Job


class NodeExecutor:
    """Executes nodes of one run.

    Args:
        job: The run.
    """

    def __init__(self, job: Job) -> None:
        places = Places(folder=job.around.folder, root=job.root / "artifacts", tuning=job.root / "tuning")
        graph = make_graph(job.spec, job.around)
        ir = compile_ir(build(job.spec, job.around, places, job.beam_args, job.reading_args), graph)
        runtime_parameter_utils.substitute_runtime_parameter(
            ir, {"pipeline-run-id": job.run, "input": job.around.data.to_json()}
        )
        self._pipeline = ir
        self._nodes = {n.pipeline_node.node_info.id: n.pipeline_node for n in ir.nodes}
        if job.around.infer and "InferExampleGen" in self._nodes:
            parameter = self._nodes["InferExampleGen"].parameters.parameters["input_json"]
            parameter.field_value.string_value = job.around.infer.to_json()
        self._deployment = runner_utils.extract_local_deployment_config(ir)
        self._connection = connection_config(job.spec.metadata, job.root)

    def run(self, node_id: str) -> int | None:
        """Launches a node and returns the id of its execution.

        Raises:
            NodeError: ML Metadata says that it failed although the launcher returned.
            Exception: Whatever the node's executor raised.
        """
        node = self._nodes[node_id]
        info = launcher.Launcher(
            pipeline_node=node,
            mlmd_connection=metadata.Metadata(self._connection),
            pipeline_info=self._pipeline.pipeline_info,
            pipeline_runtime_spec=self._pipeline.runtime_spec,
            executor_spec=runner_utils.extract_executor_spec(self._deployment, node_id),
            custom_driver_spec=runner_utils.extract_custom_driver_spec(self._deployment, node_id),
        ).launch()
        # The launcher returns normally when inputs cannot be resolved: only ML Metadata tells.
        return self._checked(node_id, info)

    def _checked(self, node_id: str, info: data_types.ExecutionInfo | None) -> int:
        execution_id = info.execution_id if info else None
        if execution_id is None:
            raise NodeError(f"node {node_id}", expected="an execution", seen="inputs that are not there")
        with metadata.Metadata(self._connection) as store:
            (execution,) = store.store.get_executions_by_id([execution_id])
        if execution.last_known_state not in (
            metadata_store_pb2.Execution.COMPLETE,
            metadata_store_pb2.Execution.CACHED,
        ):
            state = metadata_store_pb2.Execution.State.Name(execution.last_known_state)
            raise NodeError(
                f"node {node_id}", expected="a complete execution", seen=state, remedy="read the run's log"
            )
        return int(execution_id)

    def counted(self, execution_id: int) -> dict[str, int]:
        """Returns how much an execution has worked through, by unit, from what its artifacts say of themselves."""
        with metadata.Metadata(self._connection) as store:
            outputs = execution_lib.get_output_artifacts(store, execution_id)
        for artifact in (a for artifacts in outputs.values() for a in artifacts):
            if artifact.has_custom_property("documents_read"):
                return {"documents": artifact.get_int_custom_property("documents_read")}
        history = [Path(a.uri) / "history.json" for a in outputs.get("model_run", ())]
        if history and history[0].is_file():
            told = json.loads(history[0].read_text(encoding="utf-8"))
            return {"steps": told["schedule"]["steps_per_epoch"] * len(told["epochs"])}
        return {}

    def reuse(self, node_id: str, execution_id: int) -> int:
        """Publishes the outputs of an earlier execution as this run's cached result."""
        node = self._nodes[node_id]
        properties = data_types_utils.build_parsed_value_dict(
            inputs_utils.resolve_parameters_with_schema(node_parameters=node.parameters)
        )
        with metadata.Metadata(self._connection) as store:
            contexts = context_lib.prepare_contexts(metadata_handle=store, node_contexts=node.contexts)
            outputs = execution_lib.get_output_artifacts(store, execution_id)
            execution = execution_publish_utils.register_execution(
                metadata_handle=store,
                execution_type=node.node_info.type,
                contexts=contexts,
                exec_properties=properties,
            )
            execution_publish_utils.publish_cached_executions(
                metadata_handle=store,
                contexts=contexts,
                executions=[execution],
                output_artifacts_maps=[outputs],
            )
        return int(execution.id)

    def warm(self, node_id: str) -> None:
        """Imports what a node will need, while this process has nothing else to do."""
        spec: Any = runner_utils.extract_executor_spec(self._deployment, node_id)
        path = getattr(spec, "class_path", "") or spec.python_executor_spec.class_path
        importlib.import_module(path.rpartition(".")[0])
