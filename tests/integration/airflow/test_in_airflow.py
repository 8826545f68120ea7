"""The generated file in Airflow's own Python: what it imports, what becomes of the document, and what each operator does."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.bundle.sidecar import Resources
from pipeline.scheduling.airflow.exporter import AirflowExporter
from pipeline.scheduling.base import Options
from tests.integration.airflow import doubles
from tests.integration.airflow.running import until
from tests.pipeline.scheduling.bundles import EDGES, bundle, node, sidecar
from tests.side_by_side import once

pytestmark = pytest.mark.integration

SCRIPT = Path(__file__).with_name("in_airflow.py")
LAST = {
    "penstock": 1,
    "run": "r1",
    "node": "Trainer",
    "state": "done",
    "seconds": 61.2,
    "counted": {"steps": 100},
    "withheld": "",
    "decided": "",
    "report": "/root/runs/r1/report.html#Trainer",
    "model": "7",
    "error": "",
}
FAIL, RETRY = "AirflowFailException", "AirflowException"


@pytest.fixture(scope="module")
def dags(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of DAG files for each operator."""

    def build(folder: Path) -> None:
        own = {"timeout": 21600.0, "retries": 1, "pool": "gpu", "resources": Resources(4.0, "16Gi", 1)}
        nodes = tuple(node(one, **(own if one == "Trainer" else {})) for one in EDGES)
        retrain = {"on_export": True, "on_alarm": False, "new_labels": 500}
        about = {
            "deadline": 28800.0,
            "on_failure_env": "HOOK",
            "retrain": retrain,
            "timezone": "Europe/Zurich",
        }
        made = bundle(folder / "bundles", sidecar(about, nodes=nodes))
        for operator in AirflowExporter.operators:
            options = Options(operator, python="/opt/penstock/bin/python")
            AirflowExporter().write(made, folder / operator, options)

    return once(tmp_path_factory, "airflow_dags", build)


def asked(python: Path, home: Path, *arguments: str, **variables: str) -> Any:
    """Runs the script in Airflow's Python, and returns what it prints last."""
    with begun(python, home, *arguments, **variables) as process:
        out, err = process.communicate()
    assert process.returncode == 0, out + err
    return json.loads(out.splitlines()[-1])


def begun(python: Path, home: Path, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    """Starts the script in Airflow's Python."""
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    env = {**clean, "AIRFLOW_HOME": str(home), "HOOK": "http://127.0.0.1:9/", **variables}
    command = [str(python), str(SCRIPT), *arguments]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def read(either_python: Path, dags: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What Airflow makes of the four files."""
    files = [str(dags / operator / "shop.py") for operator in AirflowExporter.operators]
    files.append(str(dags / "bash" / "shop_retrain.py"))
    secret = {"PENSTOCK_METADATA_PASSWORD": "only-in-the-environment"}
    return asked(either_python, tmp_path_factory.mktemp("home"), "read", *files, **secret)


@pytest.fixture(scope="module")
def in_3(read: Any) -> bool:
    """Whether it is Airflow 3."""
    return bool(read["airflow"].startswith("3."))


def test_nothing_heavy_is_imported(read: Any) -> None:
    assert read["heavy"] == []


def of_operators(read: Any) -> list[Any]:
    return [found for file, found in read["files"].items() if file.endswith("shop.py")]


def test_news_starts_the_pipeline(read: Any) -> None:
    ((dag,),) = (found["dags"] for file, found in read["files"].items() if file.endswith("retrain.py"))
    assert (dag["dag"], sorted(dag["tasks"])) == ("shop_retrain", ["news", "start"])
    assert "penstock://shop/export" in json.dumps(read)


def test_each_operator_gives_the_same_graph(read: Any) -> None:
    graphs = [
        {task: told["upstream"] for task, told in found["dags"][0]["tasks"].items()}
        for found in of_operators(read)
    ]
    assert graphs == [{one: sorted(before.split()) for one, (before, _) in EDGES.items()}] * 4


def test_what_the_document_says_is_what_airflow_does(read: Any, in_3: bool) -> None:
    for found in of_operators(read):
        (dag,) = found["dags"]
        assert (dag["schedule"], dag["start"]) == ("CronDataIntervalTimetable", "2025-12-31T23:00:00+00:00")
        assert (dag["catchup"], dag["max_active_runs"], dag["timeout"]) == (False, 1, 28800.0)
        assert dag["callback"]
        assert dag["params"]["train.steps"][0] == 100
        assert dag["params"]["train.steps"][1]["type"] == ["integer"]
        assert dag["tasks"]["Trainer"] == {
            "upstream": ["Transform", "Tuner", "ValidationGate"],
            "group": "model",
            "retries": 1,
            "retry_delay": 300.0,
            "exponential": True,
            "timeout": 21600.0,
            "pool": "gpu",
            "shown": ["command"],
            "links": ["Report", "Model's lineage"] if in_3 else [],  # Airflow 2 takes those of plugins only
        }


def test_no_secret_gets_into_airflows_database(read: Any) -> None:
    for found in read["files"].values():
        assert "only-in-the-environment" not in found["serialized"]


def carried_out(python: Path, home: Path, tasks: list[dict[str, Any]]) -> list[Any]:
    """Has operators carried out one after the other."""
    found: list[Any] = asked(python, home, "execute", wanted(*tasks))
    return found


def wanted(*tasks: dict[str, Any]) -> str:
    """Returns what the script is told of tasks."""
    plain = {"task": "Trainer", "attempt": 1, "max_tries": 1, "params": {}, "environment": {}}
    return json.dumps([{**plain, **one} for one in tasks])


CODES = {0: None, 1: FAIL, 3: FAIL, 70: FAIL, 75: RETRY, 127: FAIL, 137: RETRY, 143: RETRY}
"""Exit code → what the operator raises."""


@pytest.fixture(scope="module")
def processes(either_python: Path, dags: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """What becomes of a node in a process of its own, for each exit code; and how it is called."""
    home = tmp_path_factory.mktemp("home")
    double = home / "penstock"
    double.write_text(f"#!/bin/sh\necho \"$@\" >>{home}/calls\n[ $CODE != 0 ] || echo '{json.dumps(LAST)}'\n"
                      "echo 'a library, at its end' >&2\nexit $CODE\n")  # fmt: skip
    double.chmod(0o755)
    file = {"file": str(dags / "bash" / "shop.py")}
    path = f"{home}:{os.environ['PATH']}"
    ways = [{**file, "environment": {"CODE": str(code), "PATH": path}} for code in CODES]
    ended = {"environment": {"CODE": "0"}}
    ways += [
        {**file, **ended, "attempt": 2},
        {**file, **ended, "attempt": 4, "max_tries": 4},
        {**file, **ended, "attempt": 5, "max_tries": 4},
        {
            **file,
            "environment": {"CODE": "0", "PENSTOCK_REPORTS": "https://reports.example/shop/"},
            "params": {"span": 7, "train.steps": 5},
        },
    ]
    found = carried_out(either_python, home, ways)
    return [*found, *(home / "calls").read_text().splitlines()]


def test_an_exit_code_says_whether_a_retry_may_help(processes: list[Any]) -> None:
    assert [found.get("raised") for found in processes[: len(CODES)]] == list(CODES.values())


def test_the_last_line_is_handed_on_whatever_is_printed_after_it(processes: list[Any]) -> None:
    assert processes[0]["returned"] == LAST


def test_a_tasks_page_links_to_its_node_and_to_the_models_lineage(processes: list[Any], in_3: bool) -> None:
    if not in_3:
        pytest.skip("Airflow 2 takes links of plugins only")
    local, served = processes[0]["links"], processes[len(CODES) + 3]["links"]
    assert local["Report"] == "file:///root/runs/r1/report.html#Trainer"
    assert served["Report"] == "https://reports.example/shop/runs/r1/report.html#Trainer"
    assert served["Model's lineage"] == "https://reports.example/shop/runs/r1/report.html#lineage"


def test_a_run_is_named_by_its_id_its_interval_and_its_try(processes: list[Any]) -> None:
    first, retried, cleared, after, chosen = (processes[i] for i in (-12, -4, -3, -2, -1))
    ends = "--wait 86400 --interval-end 2026-01-02T03:00:00+00:00"
    assert first.endswith(f"--node Trainer --run-id r1 --attempt 1 {ends}")
    assert retried.endswith(f"--attempt 2 {ends}")
    assert cleared.endswith(f"--attempt 4 {ends} --again-after 3")
    assert after.endswith(f"--attempt 5 {ends} --again-after 3")
    assert chosen.endswith("--attempt 1 --wait 86400 --span 7 --set train.steps=5")


def edges(kind: str, codes: list[int]) -> Iterator[doubles.Server]:
    edge = doubles.docker if kind == "docker" else doubles.kubernetes
    with contextlib.ExitStack() as stack:
        for code in codes:
            last = {**LAST, "state": "failed", "error": "the gate"} if code else LAST
            yield stack.enter_context(edge(f"work\n{json.dumps(last)}\n", code))


def variables(home: Path, port: int) -> dict[str, str]:
    """Returns the environment of a worker beside a double."""
    config = home / f"kubeconfig-{port}"
    config.write_text(json.dumps(kubeconfig(f"http://127.0.0.1:{port}")))
    about = {"kube_config_path": str(config), "in_cluster": False, "namespace": "default"}
    return {
        "DOCKER_HOST": f"tcp://127.0.0.1:{port}",
        "AIRFLOW_CONN_KUBERNETES_DEFAULT": json.dumps({"conn_type": "kubernetes", "extra": about}),
        "PENSTOCK_HOME": "/data",
        "PENSTOCK_METADATA_PASSWORD": "only-in-the-environment",
    }


def kubeconfig(address: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": address}}],
        "users": [{"name": "u", "user": {}}],
    }


@pytest.mark.parametrize("kind", ["docker", "kubernetes"])
def test_a_container_is_asked_for_and_its_exit_code_decides(
    either_python: Path, dags: Path, tmp_path: Path, kind: str
) -> None:
    codes = {0: None, 3: FAIL, 75: RETRY}
    running = edges(kind, list(codes))
    servers = [next(running) for _ in codes]
    file = str(dags / kind / "shop.py")
    tasks = [{"file": file, "environment": variables(tmp_path, s.server_port)} for s in servers]
    found = carried_out(either_python, tmp_path, tasks)
    running.close()
    assert [one.get("raised") for one in found] == list(codes.values())
    assert [one["told"]["error"] for one in found] == ["", "the gate", "the gate"]
    assert found[0]["returned"] == LAST
    assert found[0]["shown"][:2] == ["penstock", "node"]
    check = {"docker": check_container, "kubernetes": check_pod}[kind]
    check(servers[0])


ENDS = {
    "docker": ("attach", "POST", "/containers/c1/stop", {"t": "60"}),
    "kubernetes": ("log", "DELETE", "/pods/", {"gracePeriodSeconds": "60"}),
}
"""What is asked of a running container; and how it is ended."""


@pytest.mark.parametrize("kind", list(ENDS))
def test_a_task_that_is_ended_ends_its_container(
    either_python: Path, dags: Path, tmp_path: Path, kind: str
) -> None:
    runs, method, path, how = ENDS[kind]
    edge = doubles.docker if kind == "docker" else doubles.kubernetes
    last = {**LAST, "state": "failed", "error": "ended by SIGTERM"}
    with edge(f"{json.dumps(last)}\n", 143, until_told=True) as server:
        task = {"file": str(dags / kind / "shop.py"), "environment": variables(tmp_path, server.server_port)}
        with begun(either_python, tmp_path, "execute", wanted(task)) as process:
            until(lambda: any(asked.endswith(runs) for _, asked, _ in server.asked), "a container that runs")
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate()
        assert process.returncode == 0, out + err
    ended, *_ = [body for asked, where, body in server.asked if asked == method and path in where]
    assert ended.items() >= how.items()
    assert json.loads(out.splitlines()[-1])[0]["raised"] == RETRY


def check_container(server: doubles.Server) -> None:
    """It gets what the document and the worker's environment say."""
    (made,) = server.bodies("/containers/create")
    assert made["Image"] == "registry/penstock:0.7.0"
    assert made["Entrypoint"] == ["penstock"]
    assert "PENSTOCK_METADATA_PASSWORD=only-in-the-environment" in made["Env"]
    assert made["HostConfig"]["Memory"] == 16 * 2**30
    assert made["HostConfig"]["DeviceRequests"][0]["Count"] == 1
    assert [mount["Target"] for mount in made["HostConfig"]["Mounts"]] == [
        "/bundles/shop-0123456789ab",
        "/data",
    ]
    assert made["Cmd"][-2:] == ["--interval-end", "2026-01-02T03:00:00+00:00"]


def check_pod(server: doubles.Server) -> None:
    """It gets its secrets from the cluster."""
    (made,) = server.bodies("/pods")
    assert "only-in-the-environment" not in json.dumps(made)
    (container,) = made["spec"]["containers"]
    assert container["envFrom"] == [{"secretRef": {"name": "penstock"}}]
    assert container["resources"]["limits"] == {"memory": "16Gi", "nvidia.com/gpu": "1"}
    assert container["resources"]["requests"]["cpu"] == "4.0"
