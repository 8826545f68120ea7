"""Kubeflow's own packages read what is exported for it, and its local runner runs it node by node."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline.scheduling.base import Options
from pipeline.scheduling.kubeflow.exporter import KubeflowExporter
from tests.pipeline.scheduling.bundles import EDGES, bundle, sidecar

pytestmark = pytest.mark.integration

REPOSITORY = Path(__file__).parents[3]
PENSTOCK = """#!{python}
import json, os, sys
with open(os.environ["CALLS"], "a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + chr(10))
sys.exit({fails!r} in sys.argv)
"""
"""Keeps what it was called with: what a node does is none of Kubeflow's business."""


@pytest.fixture(scope="module")
def kubeflow() -> str:
    """The Python that has Kubeflow's packages."""
    build = [sys.executable, str(REPOSITORY / "scripts" / "kubeflow_environment.py")]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"Kubeflow's packages cannot be had: {done.stderr.strip()[-200:]}")
    return done.stdout.split()[-1]


def run(kubeflow: str, folder: Path, fails: str = "", **inputs: object) -> SimpleNamespace:
    """Exports a pipeline of twelve nodes and has Kubeflow's local runner run it."""
    made = bundle(folder, sidecar(root="s3://bucket/root"))
    file, _ = KubeflowExporter().write(made, folder / "to", Options())
    program = folder / "bin" / "penstock"
    program.parent.mkdir()
    program.write_text(PENSTOCK.format(python=sys.executable, fails=fails))
    program.chmod(0o755)
    calls = folder / "calls"
    path = f"{program.parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [kubeflow, Path(__file__).with_name("in_kubeflow.py"), file, folder / "root", json.dumps(inputs)],
        env={**os.environ, "PATH": path, "CALLS": str(calls)},
        capture_output=True,
        text=True,
        check=False,
    )
    called = [json.loads(line) for line in calls.read_text().splitlines()]
    return SimpleNamespace(output=done.stdout, error=done.stderr, called=called)


def value(call: list[str], option: str) -> str:
    return call[call.index(option) + 1]


def test_kubeflow_reads_the_document_and_runs_each_node_after_those_it_needs(
    kubeflow: str, tmp_path: Path
) -> None:
    done = run(kubeflow, tmp_path, span="7", train_steps=5)
    told = json.loads(done.output.splitlines()[-1])
    assert told == {"tasks": 12, "inputs": ["home", "interval_end", "root", "span", "train_steps"]}
    order = [value(call, "--node") for call in done.called]
    assert sorted(order) == sorted(EDGES)
    for name, (upstream, _) in EDGES.items():
        assert all(order.index(before) < order.index(name) for before in upstream.split())
    first = done.called[0]
    assert first[:2] == ["node", "--run-id"]
    assert {value(call, "--run-id") for call in done.called} == {first[2]}
    assert "{{" not in first[2]
    assert value(first, "--root") == "s3://bucket/root"
    assert value(first, "--ir") == "/bundles/shop-0123456789ab/pipeline.json"
    assert all(call[-4:] == ["--set", "train.steps=5", "--span", "7"] for call in done.called)


def test_nodes_after_a_failed_one_are_not_started(kubeflow: str, tmp_path: Path) -> None:
    done = run(kubeflow, tmp_path, fails="Transform")
    started = {value(call, "--node") for call in done.called}
    assert "Transform" in started
    assert not started & {"Tuner", "Trainer", "Evaluator", "Pusher"}
    assert "FAILURE" in done.output + done.error
