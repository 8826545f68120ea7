"""A run in which every node is killed once while it works: the same command takes it up, and nothing is there twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.runners.zygote import mode
from tests.integration.faults.conftest import Project, kill, until_it_begins

pytestmark = pytest.mark.integration

RUN = "manual__2026-01-01"
HALF = "half-written"


@pytest.fixture(scope="module")
def project(project: Project) -> Iterator[Project]:
    """The project; what works for its nodes is forked where the tests have a zygote: there are many, and each would import."""
    with pytest.MonkeyPatch.context() as patch:
        if not mode.reason_against():
            patch.setenv(mode.VARIABLE, "nodes")
        yield Project(project.home, project.bundle)


def leave_half(project: Project, node: str) -> list[Path]:
    """Has an attempt that was killed at work have written something, whatever it got to."""
    at_work = [one for one in project.executions(RUN, node) if one.state == "RUNNING"]
    folders = [f for one in at_work for f in (project.root / "artifacts" / node).glob(f"[!.]*/{one.id}")]
    left = [folder / HALF for folder in folders]
    for file in left:
        file.write_text("half")
    return left


def test_each_node_is_killed_once_and_the_run_ends_right(project: Project) -> None:
    for node in project.nodes:
        first = project.start(node, RUN)
        until_it_begins(first)
        kill(first)
        left = leave_half(project, node)

        again = project.node(node, RUN)

        assert again.code == 0, again.log
        assert not [file for file in left if file.exists()]

    states = {node["node"]: node["state"] for node in project.record(RUN)["nodes"]}
    assert project.record(RUN)["state"] == "complete", states
    ran = [node for node, state in states.items() if state == "done"]
    assert [[e.state for e in project.executions(RUN, node)] for node in ran] == [["COMPLETE"]] * len(ran)
    assert all(len(ids) == 1 for ids in project.artifacts(RUN).values()), project.artifacts(RUN)
    assert len(project.pushed()) == 1
    assert (project.root / "runs" / RUN / "report.html").exists()


def test_a_node_that_is_done_says_so_again_and_finishes_what_a_killed_process_did_not(
    project: Project,
) -> None:
    before = len(project.lineage().executions())
    for name in ("run.json", "report.html"):
        (project.root / "runs" / RUN / name).unlink()

    said = project.node("Trainer", RUN)

    assert (said.code, said.line["state"], said.line["attempt"]) == (0, "done", 2)
    assert said.line["model"] == str(project.newest(RUN, "Trainer", "model"))
    assert len(project.lineage().executions()) == before
    assert project.record(RUN)["state"] == "complete"
    assert (project.root / "runs" / RUN / "report.html").exists()


def test_a_result_that_is_wanted_anew_is_what_the_nodes_after_it_read(project: Project) -> None:
    pushed = project.newest(RUN, "Pusher", "pushed_model")

    anew = project.node("EvaluationGate", RUN, "--again")
    after = project.node("Pusher", RUN)

    assert (anew.line["state"], after.line["state"]) == ("done", "done"), after.log
    first, second = project.executions(RUN, "EvaluationGate")
    assert project.executions(RUN, "Pusher")[-1].inputs["blessing"] == second.outputs["blessing"]
    assert first.outputs["blessing"] != second.outputs["blessing"]
    assert project.newest(RUN, "Pusher", "pushed_model") != pushed
    assert project.record(RUN)["state"] == "complete"
