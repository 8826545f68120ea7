"""Runs single nodes of a compiled pipeline with TFX's launcher, or reuses the result of an earlier execution."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from google.protobuf.json_format import ParseDict

from components.node import Elsewhere, load
from foundation.errors import NodeError
from foundation.stores.brought import looked_at
from pipeline.engines import counters
from pipeline.lineage.store import associate, execution_state, execution_state_number
from pipeline.nodes import NODES
from pipeline.runners.handle import Handle
from pipeline.runners.job import Job
from pipeline.runners.light import (
    context_lib,
    data_types,
    data_types_utils,
    execution_lib,
    inputs_utils,
    launcher,
    metadata,
    pipeline_pb2,
    runner_utils,
)
from pipeline.runners.narrowing import narrow
from pipeline.runners.operators import Asked, operators
from pipeline.runners.partial_outputs import remove_outputs

_RESULT = "penstock_result"
"""Type of the contexts that keep results of a node apart, which one run has made several of."""


def read_ir(job: Job) -> pipeline_pb2.Pipeline:
    """Reads the compiled pipeline of a run: binary, or proto-JSON where it comes from a bundle."""
    if job.ir_file.exists():
        return pipeline_pb2.Pipeline.FromString(job.ir_file.read_bytes())
    return ParseDict(json.loads(job.ir_json_file.read_text(encoding="utf-8")), pipeline_pb2.Pipeline())


def import_executor(ir_json: Path, node_id: str) -> None:
    """Imports the module of a node's executor.

    Args:
        ir_json: The compiled pipeline as proto-JSON.
        node_id: The node.
    """
    if module := executor_module(json.loads(ir_json.read_text(encoding="utf-8")), node_id):
        import_module(module)


def executor_module(ir: Mapping[str, Any], node_id: str) -> str:
    """Returns the module of a node's executor; empty for a node that has none, as it only looks up artifacts.

    Args:
        ir: The compiled pipeline as proto-JSON with the names of its fields, as a bundle has it.
        node_id: The node.
    """
    spec = ir["deployment_config"].get("executor_specs", {}).get(node_id, {})
    path: str = (spec.get("python_executor_spec") or spec).get("class_path", "")
    return path.rpartition(".")[0]


class NodeExecutor:
    """Executes nodes of one run.

    Args:
        ir: The compiled pipeline of the run; it is narrowed, see ``narrowing``.
        connection: ML Metadata's ``ConnectionConfig``.
        beam: Holds the Beam engine of a node ready, given its id and the attempt; yields the arguments for Beam.
        elsewhere: How a node works with workers that do not see this machine's disk, given its id; empty: its workers see it.
    """

    def __init__(
        self,
        ir: pipeline_pb2.Pipeline,
        connection: Any,
        beam: Callable[[str, int], AbstractContextManager[Sequence[str]]],
        elsewhere: Callable[[str], Elsewhere] = lambda node: "",
    ) -> None:
        narrow(ir)
        self._pipeline, self._handle, self._beam, self._elsewhere = ir, Handle(connection), beam, elsewhere
        self._nodes = {n.pipeline_node.node_info.id: n.pipeline_node for n in ir.nodes}
        self._deployment = runner_utils.extract_local_deployment_config(ir)

    def run(self, node_id: str, asked: Asked | None = None) -> int:
        """Launches a node and returns the id of its execution: one that is complete, if this run has it already.

        What an attempt that was killed or has failed left of its outputs is removed first; its execution is taken on.

        Args:
            node_id: The node.
            asked: What else the run is asked.

        Raises:
            NodeError: It failed according to ML Metadata, although the launcher returned.
            Exception: Whatever the node's executor raised.
        """
        node, asked = self._nodes[node_id], asked or Asked()
        done = self.earlier(node_id)
        if done is not None:
            return done
        beam = partial(self._beam, node_id, asked.attempt)
        info = launcher.Launcher(
            pipeline_node=node,
            mlmd_connection=self._handle,
            pipeline_info=self._pipeline.pipeline_info,
            pipeline_runtime_spec=self._pipeline.runtime_spec,
            executor_spec=runner_utils.extract_executor_spec(self._deployment, node_id),
            custom_driver_spec=runner_utils.extract_custom_driver_spec(self._deployment, node_id),
            custom_executor_operators=operators(asked, beam, self._elsewhere(node_id)),
        ).launch()
        # The launcher returns normally when inputs cannot be resolved: only ML Metadata shows it.
        return self._checked(node_id, info)

    def tell_apart(self, results: Mapping[str, int]) -> None:
        """Keeps results of nodes apart that this run has made anew.

        TFX knows a node's execution by its contexts. From the second result on there is one more, which the nodes that
        read it ask for, too.

        Args:
            results: Node → which of its results counts, from 1.
        """
        for node_id, result in results.items():
            if result > 1:
                name = f"{self._run_id}.{node_id}.{result}"
                context = self._nodes[node_id].contexts.contexts.add()
                context.type.name = _RESULT
                context.name.field_value.string_value = name
                for query in self._queries_of(node_id):
                    query.type.name = _RESULT
                    query.name.field_value.string_value = name

    def _queries_of(self, producer: str) -> list[Any]:
        """Returns one new query for each channel that a node feeds."""
        channels = [
            channel
            for node in self._nodes.values()
            for given in node.inputs.inputs.values()
            for channel in given.channels
            if channel.producer_node_query.id == producer
        ]
        return [channel.context_queries.add() for channel in channels]

    @property
    def _run_id(self) -> str:
        return str(self._pipeline.runtime_spec.pipeline_run_id.field_value.string_value)

    def model_of(self, execution_id: int) -> str:
        """Returns the id of the model that an execution made or worked on; empty if there is none."""
        with self._handle as store:
            made = execution_lib.get_output_artifacts(store, execution_id)
            used = execution_lib.get_input_artifacts(store, execution_id)
        models = [
            one.id for given in (made, used) for one in given.get("model", ()) if one.type_name == "Model"
        ]
        return str(models[0]) if models else ""

    def earlier(self, node_id: str) -> int | None:
        """Returns the execution that an earlier attempt in this run completed; removes what others left half done."""
        with self._handle as store:
            contexts = context_lib.prepare_contexts(store, self._nodes[node_id].contexts)
            earlier = execution_lib.get_executions_associated_with_all_contexts(store, contexts)
        complete = [int(one.id) for one in earlier if execution_lib.is_execution_successful(one)]
        if complete:
            return max(complete)
        root = Path(self._pipeline.runtime_spec.pipeline_root.field_value.string_value)
        for one in earlier:
            remove_outputs(root / node_id, int(one.id))
        return None

    def _checked(self, node_id: str, info: data_types.ExecutionInfo | None) -> int:
        execution_id = info.execution_id if info else None
        if execution_id is None:
            raise NodeError(f"node {node_id}", expected="an execution", seen="inputs that do not exist")
        with self._handle as opened:
            state = execution_state(opened.store, execution_id)
        if state not in ("COMPLETE", "CACHED"):
            raise NodeError(
                f"node {node_id}", expected="a complete execution", seen=state, remedy="read the run's log"
            )
        return int(execution_id)

    def told(self, node_id: str, execution_id: int) -> dict[str, Any]:
        """Returns what is told of an execution: ``counted``, ``withheld`` and ``decided``.

        Its result file says so; what Beam's workers elsewhere counted is added.
        """
        elsewhere = counters.taken()
        result = self._result(node_id, execution_id)
        if result is None:
            return {"counted": elsewhere} if elsewhere else {}
        counted = {**elsewhere, **result.counted}
        return {"counted": counted, "withheld": result.withheld, "decided": result.decided}

    def _result(self, node_id: str, execution_id: int) -> Any:
        declared = next((n.result for n in NODES if n.id == node_id and n.result), None)
        if declared is None:
            return None
        key, name = declared
        with self._handle as store:
            outputs = execution_lib.get_output_artifacts(store, execution_id)
        found = (load(name).find(looked_at(artifact.uri)) for artifact in outputs.get(key, ()))
        return next(filter(None, found), None)

    def reuse(self, executions: Mapping[str, int]) -> dict[str, int]:
        """Publishes the outputs of earlier executions as this run's cached results.

        One transaction writes all executions, one more puts each into its node's own context: ML Metadata puts what
        it writes at once into the same contexts.

        Args:
            executions: Node → the execution whose outputs it reuses.

        Returns:
            Node → its new execution.
        """
        with self._handle as store:
            contexts = [context_lib.prepare_contexts(store, self._nodes[n].contexts) for n in executions]
            outputs = [execution_lib.get_output_artifacts(store, earlier) for earlier in executions.values()]
            shared = set.intersection(*({c.id for c in one} for one in contexts))
            published = execution_lib.put_executions(
                store,
                [self._cached(store, node) for node in executions],
                [context for context in contexts[0] if context.id in shared],
                output_artifacts_maps=outputs,
            )
            made = {node: int(one.id) for node, one in zip(executions, published, strict=True)}
            own = [{c.id for c in one} - shared for one in contexts]
            associate(store.store, dict(zip(made.values(), own, strict=True)))
        return made

    def _cached(self, store: metadata.Metadata, node_id: str) -> Any:
        """Returns a new execution of a node, not yet published."""
        node = self._nodes[node_id]
        properties = data_types_utils.build_parsed_value_dict(
            inputs_utils.resolve_parameters_with_schema(node_parameters=node.parameters)
        )
        # With a name, a call that is repeated publishes it once.
        name = str(uuid.uuid4())
        state = execution_state_number("CACHED")
        return execution_lib.prepare_execution(
            store, node.node_info.type, state, properties, execution_name=name
        )
