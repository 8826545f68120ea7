"""How long a node takes to begin and to publish, with many earlier executions in a remote ML Metadata store.

A PostgreSQL server on loopback stands behind a proxy that delays every request; a chain of nodes that do nothing is run by
TFX's own launcher with TFX's own handle, and by Penstock's. Run it as::

    .venv/bin/python benchmarks/production/metadata_latency.py [--executions 10000] [--delay 0.005]
    .venv/bin/python benchmarks/production/metadata_latency.py --write docs/benchmarks-production.md
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1])]

from local_speed.machine import describe_machine  # noqa: E402
from local_speed.tables import check_markers, markdown, write_between  # noqa: E402
from ml_metadata.proto import metadata_store_pb2 as pb  # noqa: E402
from tfx.dsl.compiler.compiler import Compiler  # noqa: E402
from tfx.dsl.components.base import base_component, base_executor, executor_spec  # noqa: E402
from tfx.dsl.components.common.resolver import Resolver  # noqa: E402
from tfx.dsl.input_resolution.strategies.latest_artifact_strategy import LatestArtifactStrategy  # noqa: E402
from tfx.orchestration import metadata  # noqa: E402
from tfx.orchestration.local import runner_utils  # noqa: E402
from tfx.orchestration.pipeline import Pipeline  # noqa: E402
from tfx.orchestration.portable import launcher, runtime_parameter_utils  # noqa: E402
from tfx.types import component_spec, standard_artifacts  # noqa: E402
from tfx.types.channel import Channel  # noqa: E402

from pipeline.document.models import MetadataConfig  # noqa: E402
from pipeline.lineage.store import RUN_PROPERTY, MlmdLineage, connection_config, open_store  # noqa: E402
from pipeline.runners.node_executor import NodeExecutor  # noqa: E402
from tests import postgresql  # noqa: E402
from tests.tcp_proxy import Proxy  # noqa: E402

MARK = "metadata"
NODES = 12
MEASURED = ["Step0", "Step1", "Step2", "Step3", "Step4", "Latest"]
WHAT = {"before": " s", "publish": " s", "round trips": ""}
"""What is measured of a node → its unit."""
PIPELINE = "learners"
BEGAN: list[float] = []
PROPERTY = "x" * 2000
"""About what a fingerprint's parts take in an execution."""


class Nothing(base_executor.BaseExecutor):
    """Notes when it was called."""

    def Do(self, input_dict: Any, output_dict: Any, exec_properties: Any) -> None:  # noqa: N802 - TFX calls it
        """Does nothing."""
        BEGAN.append(time.perf_counter())


class StepSpec(component_spec.ComponentSpec):
    """Three inputs, two outputs, as most nodes have."""

    PARAMETERS: dict[str, Any] = {}
    INPUTS = {
        key: component_spec.ChannelParameter(type=standard_artifacts.Examples, optional=True)
        for key in ("first", "second", "third")
    }
    OUTPUTS = {
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "schema": component_spec.ChannelParameter(type=standard_artifacts.Schema),
    }


class TrainedSpec(component_spec.ComponentSpec):
    """One output."""

    PARAMETERS: dict[str, Any] = {}
    INPUTS: dict[str, Any] = {}
    OUTPUTS = {"model": component_spec.ChannelParameter(type=standard_artifacts.Model)}


class Step(base_component.BaseComponent):
    """A node that does nothing."""

    SPEC_CLASS = StepSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Nothing)

    def __init__(self, before: list[Step]) -> None:
        inputs = {key: one.outputs["examples"] for key, one in zip(StepSpec.INPUTS, before, strict=False)}
        outputs = {
            "examples": Channel(standard_artifacts.Examples),
            "schema": Channel(standard_artifacts.Schema),
        }
        super().__init__(StepSpec(**inputs, **outputs))


class Trained(base_component.BaseComponent):
    """The one node that makes a model."""

    SPEC_CLASS = TrainedSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Nothing)

    def __init__(self) -> None:
        super().__init__(TrainedSpec(model=Channel(standard_artifacts.Model)))


def compiled(folder: Path, run: str) -> Any:
    """Returns a pipeline of nodes, each of which reads the three before it; the last one looks for a model."""
    steps: list[Any] = []
    for number in range(NODES - 2):
        steps.append(Step(steps[-3:]).with_id(f"Step{number}"))
    steps.append(Trained().with_id(f"Step{NODES - 2}"))
    latest = Resolver(strategy_class=LatestArtifactStrategy, model=Channel(type=standard_artifacts.Model))
    whole = Pipeline(PIPELINE, str(folder), components=[*steps, latest.with_id("Latest")], enable_cache=False)
    ir = Compiler().compile(whole)
    runtime_parameter_utils.substitute_runtime_parameter(ir, {"pipeline-run-id": run})
    return ir


def fill(store: Any, executions: int) -> None:
    """Writes earlier runs as nodes write them: contexts, executions, two artifacts each."""
    kinds = {
        kind: store.put_context_type(pb.ContextType(name=kind))
        for kind in ("pipeline", "pipeline_run", "node")
    }
    artifact_types = {
        kind: store.put_artifact_type(kind._get_artifact_type())
        for kind in (standard_artifacts.Examples, standard_artifacts.Schema, standard_artifacts.Model)
    }
    runs = executions // NODES
    contexts = [pb.Context(type_id=kinds["pipeline"], name=PIPELINE)]
    contexts += [pb.Context(type_id=kinds["node"], name=f"{PIPELINE}.Step{i}") for i in range(NODES)]
    pipeline, *nodes = store.get_contexts_by_id(store.put_contexts(contexts))
    execution_types = [
        store.put_execution_type(pb.ExecutionType(name=f"{Step.__module__}.Step{i}")) for i in range(NODES)
    ]
    for number in range(runs):
        run = pb.Context(type_id=kinds["pipeline_run"], name=f"earlier-{number}")
        made, artifacts, edges = [], [], []
        for i in range(NODES):
            execution = pb.Execution(type_id=execution_types[i], last_known_state=pb.Execution.COMPLETE)
            execution.custom_properties["penstock_node"].string_value = f"Step{i}"
            execution.custom_properties[RUN_PROPERTY].string_value = run.name
            execution.custom_properties["penstock_parts"].string_value = PROPERTY
            made.append(execution)
            examples, schema, model = artifact_types.values()
            outputs = {"model": model} if i == NODES - 2 else {"examples": examples, "schema": schema}
            for key, kind in outputs.items():
                uri = f"/earlier/{number}/{i}/{key}"
                artifacts.append(pb.Artifact(type_id=kind, uri=uri, state=pb.Artifact.LIVE))
                event = pb.Event(type=pb.Event.OUTPUT)
                event.path.steps.add(key=key)
                event.path.steps.add(index=0)
                edges.append((i, len(artifacts) - 1, event))
        ids, written, _ = store.put_lineage_subgraph(
            made, artifacts, [pipeline, run], edges, reuse_context_if_already_exist=True
        )
        store.put_attributions_and_associations(
            [pb.Attribution(artifact_id=written[a], context_id=nodes[n].id) for n, a, _ in edges],
            [pb.Association(execution_id=one, context_id=nodes[n].id) for n, one in enumerate(ids)],
        )


def stock(ir: Any, connection: Any, node: str) -> None:
    """Runs a node with TFX's own launcher and handle, as its runners do."""
    deployment = runner_utils.extract_local_deployment_config(ir)
    launcher.Launcher(
        pipeline_node=next(n.pipeline_node for n in ir.nodes if n.pipeline_node.node_info.id == node),
        mlmd_connection=metadata.Metadata(connection),
        pipeline_info=ir.pipeline_info,
        pipeline_runtime_spec=ir.runtime_spec,
        executor_spec=runner_utils.extract_executor_spec(deployment, node),
    ).launch()


@contextlib.contextmanager
def no_beam(node: str, attempt: int) -> Iterator[list[str]]:
    """Gives no arguments for Beam."""
    yield []


def measured(ir: Any, connection: Any, proxy: Proxy, ours: bool, nodes: list[str]) -> list[dict[str, Any]]:
    """Runs nodes, each as a process of its own would: with nothing open and nothing known."""
    rows = []
    for node in nodes:
        BEGAN.clear()
        trips, begin = proxy.requests(), time.perf_counter()
        if ours:
            NodeExecutor(ir, connection, no_beam).run(node)
        else:
            stock(ir, connection, node)
        end = time.perf_counter()
        began = BEGAN[0] if BEGAN else end
        rows.append(
            {
                "node": node,
                "before": round(began - begin, 2),
                "publish": round(end - began, 2),
                "round trips": proxy.requests() - trips,
            }
        )
        print(json.dumps({"ours": ours, **rows[-1]}), flush=True)
    return rows


def render(stock: list[dict[str, Any]], ours: list[dict[str, Any]], lineage: dict[str, Any]) -> str:
    """Returns the table, and what a reading of the whole lineage took."""
    head = ("node", *(f"{side}: {what}" for side in ("stock", "Penstock") for what in WHAT))
    rows = [
        (one["node"], *(f"{row[what]:,}{unit}" for row in (one, other) for what, unit in WHAT.items()))
        for one, other in zip(stock, ours, strict=True)
    ]
    read = f"The whole lineage, {lineage['executions']:,} executions: {lineage['seconds']} s, {lineage['round trips']:,} round trips."
    return f"{describe_machine()}\n\n{markdown(head, rows)}\n\n{read}"


def read_lineage(config: MetadataConfig, folder: Path, proxy: Proxy) -> dict[str, Any]:
    """Reads all executions and artifacts, as ``penstock plan`` does, and says what it took."""
    begin, trips = time.perf_counter(), proxy.requests()
    executions = MlmdLineage(config, folder, PIPELINE).executions()
    seconds = round(time.perf_counter() - begin, 2)
    return {"executions": len(executions), "seconds": seconds, "round trips": proxy.requests() - trips}


def measure(executions: int, delay: float) -> str:
    """Fills a store, runs nodes with both launchers, and returns the table."""
    os.environ["PENSTOCK_METADATA_PASSWORD"] = postgresql.PASSWORD
    with postgresql.running() as server, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server.create("mlmd")
        place = {"host": "127.0.0.1", "port": server.port, "database": "mlmd", "user": postgresql.USER}
        fill(open_store(MetadataConfig.model_validate({"postgresql": place}), folder), executions)
        with Proxy(server.port, delay) as proxy:
            far = MetadataConfig.model_validate({"postgresql": {**place, "port": proxy.port}})
            connection = connection_config(far, folder)
            stock_rows, our_rows = (
                measured(compiled(folder, f"run-{ours}"), connection, proxy, ours, MEASURED)
                for ours in (False, True)
            )
            return render(stock_rows, our_rows, read_lineage(far, folder, proxy))


def main() -> None:
    """Measures, and puts the table into the documentation where asked."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--executions", type=int, default=10_000)
    asked.add_argument("--delay", type=float, default=0.005, help="seconds by which each request is delayed")
    asked.add_argument("--write", type=Path, help="the page to put the table into")
    given = asked.parse_args()
    if given.write:
        check_markers(given.write, MARK)
    table = measure(given.executions, given.delay)
    if given.write:
        write_between(given.write, MARK, table)
    print(table)


if __name__ == "__main__":
    main()
