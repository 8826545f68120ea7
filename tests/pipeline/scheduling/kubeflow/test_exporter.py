"""A bundle as a pipeline document: each node a container that runs ``penstock node``, in the bundle's order."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from foundation.errors import SpecError
from pipeline.bundle.sidecar import Parameter, Resources
from pipeline.scheduling.base import Options
from pipeline.scheduling.kubeflow.exporter import KubeflowExporter
from pipeline.scheduling.kubeflow.parameters import inputs_of
from pipeline.scheduling.kubeflow.spec import pipeline_spec
from tests.pipeline.scheduling.bundles import EDGES, bundle, node, sidecar

ROOT = "gs://my-bucket/root"


def spec(vertex: bool = False, **settings: Any) -> dict[str, Any]:
    return pipeline_spec(sidecar(**{"root": ROOT, **settings}), "shop-0123456789ab", vertex)


def test_tasks_are_the_nodes_after_those_that_they_need() -> None:
    tasks = spec()["root"]["dag"]["tasks"]
    assert [task["taskInfo"]["name"] for task in tasks.values()] == list(EDGES)
    for name, (upstream, _) in EDGES.items():
        assert tasks[name.lower()].get("dependentTasks", []) == upstream.lower().split()
    assert all(task["cachingOptions"] == {"enableCache": False} for task in tasks.values())


def test_retries_and_resources_are_the_nodes() -> None:
    nodes = (
        node("MongoExampleGen", retries=0, resources=Resources()),
        node("StatisticsGen", exponential=False, resources=Resources(cpu=0.5, memory="512Mi", gpu=2)),
    )
    made = spec(nodes=nodes)
    first, second = made["root"]["dag"]["tasks"].values()
    assert "retryPolicy" not in first
    assert second["retryPolicy"] == {
        "maxRetryCount": 2,
        "backoffDuration": "300s",
        "backoffFactor": 1.0,
        "backoffMaxDuration": "3600s",
    }
    first, second = (one["container"] for one in made["deploymentSpec"]["executors"].values())
    assert "resources" not in first
    assert second["resources"]["resourceCpuRequest"] == "0.5"
    assert second["resources"]["resourceMemoryLimit"] == "512Mi"
    assert second["resources"]["memoryLimit"] == pytest.approx(0.536870912)
    assert second["resources"]["accelerator"]["resourceCount"] == "2"


def test_vertex_is_given_limits_since_it_chooses_machines_by_them() -> None:
    container = next(iter(spec(vertex=True)["deploymentSpec"]["executors"].values()))["container"]
    assert container["resources"]["cpuLimit"] == 1.0
    assert not [key for key in container["resources"] if key.endswith("Request")]


def test_inputs_are_typed_as_in_the_document() -> None:
    parameters = (
        Parameter("train.steps", ("integer", "null"), 100, "Steps.", minimum=1),
        Parameter("train.rate", ("number", "null"), None),
        Parameter("evaluate.gates", ("object",), {"auc": 0.7}),
        Parameter("push.on", ("boolean",), True),
    )
    found = {one.name: one for one in inputs_of(sidecar(root=ROOT, parameters=parameters))}
    assert list(found)[:4] == ["span", "interval_end", "root", "home"]
    assert found["train_steps"].definition() == {
        "parameterType": "NUMBER_INTEGER",
        "defaultValue": 100,
        "isOptional": True,
        "description": "Steps. (at least 1)",
    }
    assert (found["train_rate"].type, found["train_rate"].default) == ("STRING", "null")
    assert (found["evaluate_gates"].type, found["evaluate_gates"].text) == ("STRUCT", '{"auc": 0.7}')
    assert (found["push_on"].type, found["push_on"].text) == ("BOOLEAN", "true")


def test_a_pipeline_without_spans_is_asked_for_none() -> None:
    assert "span" not in {one.name for one in inputs_of(sidecar({"spans": False}, root=ROOT))}


def test_two_inputs_of_one_name_are_refused() -> None:
    with pytest.raises(SpecError, match="leave one of them out"):
        inputs_of(sidecar(root=ROOT, parameters=(Parameter("root", ("string",), "x"),)))


@pytest.mark.parametrize(
    ("operator", "settings", "words"),
    [
        pytest.param(
            "", {"root": "pipeline_root"}, "gs://; seen: a place", id="a root of each container's own"
        ),
        pytest.param(
            "vertex", {"root": "s3://b/root"}, "gs://; seen: another store", id="Vertex and another store"
        ),
        pytest.param("", {"root": ROOT, "image": None}, "production.image", id="no image"),
        pytest.param("argo", {"root": ROOT}, "kubeflow, vertex", id="an operator that there is not"),
    ],
)
def test_what_cannot_run_is_refused(
    operator: str, settings: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(SpecError, match=words):
        KubeflowExporter().write(bundle(tmp_path, sidecar(**settings)), tmp_path / "to", Options(operator))


def test_the_bundle_is_beside_the_document_and_what_has_no_place_in_it_is_said(tmp_path: Path) -> None:
    made = bundle(tmp_path, sidecar({"deadline": 60.0}, root=ROOT))
    file, folder = KubeflowExporter().write(made, tmp_path / "to", Options())
    assert (file.name, folder.name) == ("shop.yaml", made.folder.name)
    assert (folder / "bundle.json").read_bytes() == (made.folder / "bundle.json").read_bytes()
    pipeline, platform = yaml.safe_load_all(file.read_text())
    assert pipeline == pipeline_spec(made.sidecar, folder.name)
    assert list(platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]) == list(
        pipeline["deploymentSpec"]["executors"]
    )
    said = KubeflowExporter().notes(made, Options())
    assert said[0].endswith(f"COPY {folder.name} /bundles/{folder.name}")
    assert "no place for production's schedule, start, deadline" in said[-1]
    assert all(f"# {note}." in file.read_text() for note in said)
    again, _ = KubeflowExporter().write(made, tmp_path / "to", Options("vertex"))
    assert len(list(yaml.safe_load_all(again.read_text()))) == 1


def started(folder: Path, args: list[str]) -> list[str]:
    """Returns what a container's command starts, given the arguments that Kubeflow has filled in."""
    container = next(iter(spec()["deploymentSpec"]["executors"].values()))["container"]
    for name in ("penstock", "timeout"):
        script = folder / name
        script.write_text(f'#!/bin/sh\nprintf "%s\\n" {name} "$@"\n')
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
    done = subprocess.run(
        [*container["command"], *args],
        env={"PATH": f"{folder}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("args", "words"),
    [
        pytest.param(
            ["r 1", "", "", "", "--", "--node", "A"], "penstock node --run-id|r 1|--node A", id="no span"
        ),
        pytest.param(["r", "7", "", "", "--", "x"], "penstock node --run-id r x --span 7", id="a span"),
        pytest.param(
            ["r", "", "2026-01-02T00:00:00Z", "", "--", "x"],
            "penstock node --run-id r x --interval-end 2026-01-02T00:00:00Z",
            id="an interval",
        ),
        pytest.param(
            ["r", "", "", "60", "--", "x"],
            "timeout --kill-after=60 60 penstock node --run-id r x",
            id="a limit",
        ),
        pytest.param(
            ["r", "", "", "", "train.steps", "5", "100", "a.b", "1", "1", "c", "x y", "", "--", "x"],
            "penstock node --run-id r x --set train.steps=5 --set|c=x y",
            id="what was changed",
        ),
    ],
)
def test_a_container_starts_penstock_node(args: list[str], words: str, tmp_path: Path) -> None:
    expected = [
        word for part in words.split("|") for word in ([part] if part in ("r 1", "c=x y") else part.split())
    ]
    assert started(tmp_path, args) == expected
