"""The local runner with workers that answer at once: which worker gets what when, and how failures end."""

from __future__ import annotations

import json
import os
import select
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.node import Inputs
from foundation.errors import AnomalyError, NodeError
from pipeline.document.models import PipelineSpec
from pipeline.graph import Graph
from pipeline.lineage.store import MemoryLineage
from pipeline.orchestrators import ORCHESTRATORS
from pipeline.plan import Plan, Selection, make_plan
from pipeline.runners.base import Event, Failure, deciding, runner_for
from pipeline.runners.job import Job
from pipeline.runners.local import LocalRunner
from pipeline.runners.process import Pipes
from tests.pipeline.conftest import DOCUMENT, history_of, resolved


class FakeWorker:
    """A worker without a process: it answers requests at once through a pipe.

    Args:
        asked: Takes every request of every worker, with the worker's number.
        fails: Node → kind of the error that it fails with.
        dies: Node at which the worker is gone.
    """

    def __init__(self, asked: list[tuple[int, dict[str, Any]]], fails: dict[str, str], dies: str) -> None:
        self._asked, self._fails, self._dies = asked, fails, dies
        self.number = len({n for n, _ in asked})
        self._read, self._write = os.pipe()
        self._lines = os.fdopen(self._read, "rb", buffering=0)
        self.ended = self.terminated = False
        self._tell({"done": "start"})
        asked.append((self.number, {"start": True}))

    def _tell(self, answer: dict[str, Any]) -> None:
        os.write(self._write, json.dumps(answer).encode() + b"\n")

    def fileno(self) -> int:
        return self._lines.fileno()

    def ask(self, request: dict[str, Any]) -> None:
        self._asked.append((self.number, request))
        node = request.get("run", "")
        if node and node == self._dies:
            os.close(self._write)
        elif node in self._fails:
            parts = [node, "", "", ""]
            self._tell({"failed": node, "kind": self._fails[node], "parts": parts, "traceback": "T"})
        else:
            if node == "Trainer":
                self._tell({"progress": {"epoch": 1, "epochs": 2, "loss": 0.5}})
            reused = dict.fromkeys(request.get("reuse", {}), 7)
            told = {"ready": True, "execution": 7, "executions": reused, "counted": {}, "cpu": 1.5}
            self._tell({"done": node, **told})

    def answer(self) -> dict[str, Any] | None:
        line = self._lines.readline()
        return json.loads(line) if line else None

    def terminate(self, seconds: float) -> None:
        assert not self.ended
        self.terminated = True

    def end(self) -> None:
        self.ended = True
        self._lines.close()

    @property
    def exit_code(self) -> int | None:
        return -9


Run = Callable[..., list[Event]]


@pytest.fixture
def asked() -> list[tuple[int, dict[str, Any]]]:
    """Every request, in order."""
    return []


@pytest.fixture
def run(tmp_path: Path, asked: list[Any]) -> Run:
    """Runs a plan with fake workers and returns all events."""
    document = PipelineSpec.model_validate(DOCUMENT)
    job = Job(document, Inputs(tmp_path, resolved()), tmp_path, "r1", tmp_path)

    def execute(plan: Plan, fails: dict[str, str] | None = None, dies: str = "") -> list[Event]:
        runner = LocalRunner(lambda job: FakeWorker(asked, fails or {}, dies))
        return list(runner.execute(plan, job))

    return execute


@pytest.fixture
def plan(graph_of: Callable[..., Graph]) -> Plan:
    """Everything runs."""
    return make_plan(graph_of(), MemoryLineage())


def states(events: list[Event]) -> dict[str, str]:
    """Node → its last event."""
    return {e.node: e.state for e in events}


def test_every_node_runs_once_and_after_what_it_needs(run: Run, plan: Plan) -> None:
    events = [event for event in run(plan) if not event.progress]
    begun = [e.node for e in events if e.state == "running"]
    assert sorted(begun) == sorted(n.node.id for n in plan.nodes)
    place = {(e.node, e.state): i for i, e in enumerate(events)}
    for n in plan.nodes:
        for needed in n.node.inputs + n.node.after:
            assert place[needed, "done"] < place[n.node.id, "running"]
    assert {e.cpu for e in events if e.state == "done"} == {1.5}, "as its worker says"


def test_the_pipeline_is_compiled_once_before_any_node(run: Run, plan: Plan, asked: list[Any]) -> None:
    run(plan)
    kinds = [next(iter(request)) for _, request in asked]
    assert kinds.count("compile") == 1
    assert kinds.index("compile") < kinds.index("run")
    assert kinds.count("start") == 2


def test_only_what_a_run_needs_is_compiled(
    run: Run, graph_of: Callable[..., Graph], asked: list[Any], tmp_path: Path
) -> None:
    """To compile a node imports it: Trainer and Evaluator would cost an ingestion ten seconds."""
    graph = graph_of()
    run(make_plan(graph, MemoryLineage(), Selection(end="MongoExampleGen")))
    assert [r["compile"] for _, r in asked if "compile" in r] == [["MongoExampleGen"]]
    asked.clear()
    run(make_plan(graph, history_of(graph, tmp_path), Selection(only="InfraValidator")))
    (compiled,) = [r["compile"] for _, r in asked if "compile" in r]
    assert "BaselineModel" in compiled and compiled[-1] == "InfraValidator"
    assert not {"Evaluator", "Pusher"} & set(compiled)


def test_one_node_needs_one_worker(
    run: Run, graph_of: Callable[..., Graph], asked: list[Any], tmp_path: Path
) -> None:
    graph = graph_of()
    run(make_plan(graph, history_of(graph, tmp_path), Selection(only="Pusher")))
    assert {number for number, _ in asked} == {0}


def test_a_cached_node_is_reused_and_a_skipped_one_left_out(
    run: Run, graph_of: Callable[..., Graph], asked: list[Any], tmp_path: Path
) -> None:
    graph = graph_of()
    history = history_of(graph, tmp_path)
    chosen = make_plan(graph, history, Selection(start="ValidationGate", end="ValidationGate"))
    got = states(run(chosen))
    assert got["StatisticsGen"] == "cached"
    assert got["ValidationGate"] == "done"
    assert "Trainer" not in got
    (reused,) = [request["reuse"] for _, request in asked if "reuse" in request]
    assert reused["StatisticsGen"] == 2


def test_cached_nodes_are_reused_together_as_far_as_nothing_between_them_runs(
    run: Run, graph_of: Callable[..., Graph], asked: list[Any], tmp_path: Path
) -> None:
    graph = graph_of()
    run(make_plan(graph, history_of(graph, tmp_path), Selection(only="Pusher")))
    batches = [list(request["reuse"]) for _, request in asked if "reuse" in request]
    before, after = batches
    assert before[0] == "MongoExampleGen" and before[-1] == "Trainer"
    assert set(after) == {"Evaluator", "InfraValidator", "EvaluationGate"}, "BaselineModel always runs"


def test_after_a_failure_nothing_new_starts(run: Run, plan: Plan) -> None:
    events = run(plan, fails={"StatisticsGen": "DataError"})
    (failed,) = [e for e in events if e.state == "failed"]
    assert failed.node == "StatisticsGen"
    assert failed.failure and failed.failure.trace == "T"
    assert "Trainer" not in states(events)


def test_a_dead_worker_is_a_failure_of_its_node(run: Run, plan: Plan) -> None:
    events = run(plan, dies="MongoExampleGen")
    (failed,) = [e for e in events if e.state == "failed"]
    assert failed.failure
    assert "MongoExampleGen: its process ended; seen: exit code -9" in str(failed.failure.error)


def test_closing_the_events_ends_the_workers(tmp_path: Path, plan: Plan) -> None:
    job = Job(PipelineSpec.model_validate(DOCUMENT), Inputs(tmp_path, resolved()), tmp_path, "r1", tmp_path)
    workers: list[FakeWorker] = []

    def start(job: Job) -> FakeWorker:
        workers.append(FakeWorker([], {}, ""))
        return workers[-1]

    events = LocalRunner(start).execute(plan, job)
    next(iter(events))
    events.close()
    assert [w.ended for w in workers] == [True, True]


def test_a_gate_that_stops_explains_the_failures_beside_it() -> None:
    beside, gate = Failure(NodeError("Transform")), Failure(AnomalyError("ValidationGate"))
    assert deciding([beside, gate]) is gate
    assert deciding([beside]) is beside
    assert deciding([]) is None


def test_a_job_is_read_as_it_was_written(tmp_path: Path) -> None:
    inputs = Inputs(tmp_path, resolved(), resolved("f2", 3), "feature {}", True, "12345678")
    job = Job(PipelineSpec.model_validate(DOCUMENT), inputs, tmp_path, "r1", tmp_path / "runs")
    job.write()
    assert Job.read(job.file) == job


@pytest.mark.parametrize("name", ORCHESTRATORS)
def test_every_registered_runner_exists(name: str) -> None:
    assert hasattr(runner_for(name), "execute")


def test_how_far_a_node_is_comes_between_its_beginning_and_its_end(run: Run, plan: Plan) -> None:
    told = [(e.state, e.how_far) for e in run(plan) if e.node == "Trainer"]
    assert told == [("running", ""), ("running", "epoch 1 of 2, loss 0.5"), ("done", "")]


def test_lines_that_arrive_together_are_all_noticed() -> None:
    pipes = Pipes()
    os.write(pipes.theirs[1], b'{"progress": {"epoch": 1}}\n{"done": "x"}\n')
    for expected in ({"progress": {"epoch": 1}}, {"done": "x"}):
        assert select.select([pipes], [], [], 5)[0]
        assert pipes.answer() == expected
    pipes.close()


def test_a_node_goes_to_the_worker_that_has_prepared_itself_for_it(
    run: Run, graph_of: Callable[..., Graph], asked: list[Any], tmp_path: Path
) -> None:
    """The one that compiles and reuses is done first with a changed training, and would have to prepare itself then."""
    history = history_of(graph_of(), tmp_path)
    run(make_plan(graph_of(train={"steps": 7}), history))
    warm = {request["warm"]: number for number, request in asked if "warm" in request}
    ran = {request["run"]: number for number, request in asked if "run" in request}
    compiled = next(number for number, request in asked if "compile" in request)
    assert ran["Trainer"] == warm["Trainer"] != compiled
    assert ran["Evaluator"] == warm["Evaluator"] == compiled


def test_a_gate_runs_where_the_nodes_before_it_were_reused_and_the_next_node_where_one_is_ready(
    run: Run, graph_of: Callable[..., Graph], asked: list[Any], tmp_path: Path
) -> None:
    history = history_of(graph_of(), tmp_path)
    run(make_plan(graph_of(evaluate={"metrics": ["auc"], "gates": {"auc": 0.71}}), history))
    ran = {request["run"]: number for number, request in asked if "run" in request}
    last = [number for number, request in asked if "reuse" in request][-1]
    assert ran["EvaluationGate"] == last != ran["Pusher"]


@pytest.mark.parametrize("engine", ["dataflow", "local"])
def test_a_run_that_is_ended_lets_workers_cancel_what_would_go_on_without_them(
    plan: Plan, asked: list[Any], tmp_path: Path, engine: str
) -> None:
    beam = {"default": "local", "StatisticsGen": engine}
    document = PipelineSpec.model_validate({**DOCUMENT, "run": {"beam": beam}})
    job = Job(document, Inputs(tmp_path, resolved()), tmp_path, "r1", tmp_path)
    workers: list[FakeWorker] = []

    class Interrupted(FakeWorker):
        """Ctrl-C comes while a node that it was asked for is waited for."""

        def fileno(self) -> int:
            if asked[-1][1].get("run") == "StatisticsGen":
                raise KeyboardInterrupt
            return super().fileno()

    def start(job: Job) -> FakeWorker:
        workers.append(Interrupted(asked, {}, ""))
        return workers[-1]

    with pytest.raises(KeyboardInterrupt):
        list(LocalRunner(start).execute(plan, job))
    assert any(worker.terminated for worker in workers) is (engine == "dataflow")
    assert all(worker.ended for worker in workers)
