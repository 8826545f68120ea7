"""The whole example: killed halfway, resumed, run again unchanged, asked for its lineage, fed the next span."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.side_by_side import free_port

pytestmark = pytest.mark.e2e

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLE = REPOSITORY / "examples" / "learner_retention"
SCHEMA = REPOSITORY / "schema" / "learner_retention"
COMMAND = [sys.executable, "-c", "from pipeline.cli.main import main; main()"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example and of its reviewed schema, without what earlier runs left there."""
    repository = tmp_path_factory.mktemp("repository")
    folder = repository / "examples" / "learner_retention"
    made = shutil.ignore_patterns(".penstock", "serving_models", "quarantine", "*.inferred")
    shutil.copytree(EXAMPLE, folder, ignore=made)
    shutil.copytree(SCHEMA, repository / "schema" / SCHEMA.name, ignore=made)
    return folder


def penstock(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], cwd=project, capture_output=True, text=True, timeout=400, check=False
    )


def asked(project: Path, *arguments: str) -> Any:
    done = penstock(project, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def wait_for(project: Path, running: subprocess.Popen[Any], node: str, state: str) -> None:
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline and running.poll() is None:
        for file in project.glob(".penstock/runs/*/run.json"):
            record = json.loads(file.read_text())
            if any(n["node"] == node and n["state"] == state for n in record["nodes"]):
                return
        time.sleep(0.1)
    pytest.fail(f"{node} was never {state}")


def workers_of(pid: int) -> list[int]:
    """Children of a process, from /proc."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int(entry.joinpath("stat").read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == pid:
            found.append(int(entry.name))
    return found


def readme_calls(grpc: int, rest: int) -> str:
    """The README's calls of a served model, with this test's ports and Python."""
    section = (REPOSITORY / "README.md").read_text().partition("## Serving")[2].partition("\n## ")[0]
    calls = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)[1]
    return (
        calls.replace("8500", str(grpc))
        .replace("8501", str(rest))
        .replace(".venv/bin/python", sys.executable)
    )


def test_1_a_killed_run_takes_its_workers_with_it(project: Path) -> None:
    running = subprocess.Popen(
        [*COMMAND, "run", "--set", "data.span=1"],
        cwd=project,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PENSTOCK_ZYGOTE": "off"},  # with one: test_zygote.py
    )
    wait_for(project, running, "Transform", "running")
    workers = workers_of(running.pid)
    assert len(workers) == 2
    running.kill()
    running.wait()
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{w}/stat").exists() for w in workers) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(_alive(w) for w in workers)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except FileNotFoundError:
        return False


def test_2_the_next_run_resumes(project: Path) -> None:
    done = penstock(project, "run", "--set", "data.span=1")
    assert done.returncode == 0, done.stderr
    assert "An interrupted run left" in done.stdout
    record = asked(project, "show")
    states = {n["node"]: n["state"] for n in record["nodes"]}
    assert states["MongoExampleGen"] == "cached"
    assert states["Trainer"] == "done"
    assert record["verdict"]["blessed"] is True
    assert states["InfraValidator"] == "done"
    assert record["serving"]["blessed"] is True
    assert [r["state"] for r in asked(project, "runs")] == ["interrupted", "complete"]
    (verdict,) = project.rglob("verdict.json")
    metrics = json.loads(verdict.read_text())["metrics"]
    auc = next(m for m in metrics if (m["metric"], m["slice"]) == ("auc", "overall"))
    assert auc["gains"]["linear"]["high"] > 0, "the declared model loses to a plain linear one"
    assert auc["gains"]["constant"]["low"] > 0.2


def test_3_no_artifact_exists_twice_and_no_half_one_is_trusted(project: Path) -> None:
    from pipeline.document.models import MetadataConfig
    from pipeline.lineage.store import MlmdLineage

    lineage = MlmdLineage(MetadataConfig(), project / ".penstock", "learner_retention")
    complete = [e.node for e in lineage.executions() if e.state == "COMPLETE"]
    assert len(complete) == len(set(complete))
    assert {e.state for e in lineage.executions()} <= {"COMPLETE", "CACHED", "CANCELED"}
    half = [e for e in lineage.executions() if e.state == "CANCELED"]
    assert not any(list((project / ".penstock/artifacts" / e.node).glob(f"*/{e.id}")) for e in half)


def test_3_reused_nodes_are_in_the_contexts_that_tfx_gives_them(project: Path) -> None:
    from ml_metadata.proto import metadata_store_pb2 as pb

    from pipeline.document.models import MetadataConfig
    from pipeline.lineage.store import open_store

    store = open_store(MetadataConfig(), project / ".penstock")
    reused = [e for e in store.get_executions() if e.last_known_state == pb.Execution.CACHED]
    assert reused
    for execution in reused:
        found = {c.type: c.name for c in store.get_contexts_by_execution(execution.id)}
        assert set(found) == {"pipeline", "pipeline_run", "node", "penstock.task"}
        node = execution.custom_properties["penstock_node"].string_value
        assert found["node"] == f"learner_retention.{node}"
        events = store.get_events_by_execution_ids([execution.id])
        assert events and {event.type for event in events} == {pb.Event.OUTPUT}


def test_4_an_unchanged_run_does_nothing_and_never_imports_tensorflow(project: Path) -> None:
    code = (
        "import sys; from pipeline.cli.main import main; code = main(['run', '--set', 'data.span=1']);"
        "print(sorted({'tensorflow', 'tfx', 'apache_beam', 'ml_metadata', 'grpc'} & set(sys.modules)), code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=True
    )
    assert "Nothing to do" in done.stdout
    assert done.stdout.strip().endswith("[] 0")
    assert len(asked(project, "runs")) == 2


def test_5_the_model_is_traced_to_the_export_and_to_where_it_is_served(project: Path) -> None:
    whole = asked(project, "lineage")
    read = next(step for step in whole["back"] if step["node"] == "MongoExampleGen")
    assert read["detail"]["span"] == 1
    assert all(file.endswith(".jsonl.gz") for file in read["detail"]["files"])
    pushed = next(step for step in whole["forth"] if step["node"] == "Pusher")
    assert Path(pushed["detail"]["pushed_destination"]).is_dir()
    blessed_by = {a["type"] for a in pushed["took"]}
    assert blessed_by == {"Model", "ModelBlessing", "InfraBlessing"}
    versions = asked(project, "versions")
    assert (Path(versions[0]["path"]) / "assets.extra" / "tf_serving_warmup_requests").stat().st_size > 0
    assert asked(project, "lineage", str(versions[0]["version"]))["model"]["id"] == whole["model"]["id"]


@pytest.mark.parametrize(
    ("arguments", "passes"),
    [
        pytest.param(["artifacts"], True, id="artifacts"),
        pytest.param(["accuracy", "--at-least", "auc=0.6"], True, id="accuracy"),
        pytest.param(["accuracy", "--at-least", "auc=0.9999"], False, id="accuracy out of reach"),
        pytest.param(["learns"], True, id="learns"),
        pytest.param(["speed", "--seconds", "0.5", "--qps", "1", "--p99-ms", "60000"], True, id="speed"),
    ],
)
def test_5_the_run_is_held_to_what_is_expected(project: Path, arguments: list[str], passes: bool) -> None:
    done = penstock(project, "test", *arguments, "--json")
    assert done.returncode == (0 if passes else 1), done.stderr
    found = json.loads(done.stdout)
    assert found["passed"] is passes
    assert sum(not one["passed"] for one in found["findings"]) == (0 if passes else 1)


def test_6_ctrl_c_leaves_a_clean_state(project: Path) -> None:
    # Where the tests run in the background, Ctrl-C is ignored, and a child would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    running = subprocess.Popen(
        [*COMMAND, "run"], cwd=project, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    wait_for(project, running, "MongoExampleGen", "running")
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "Ctrl-C" in err
    assert asked(project, "runs")[-1]["state"] == "interrupted"
    assert (project / ".penstock/lock").read_text() == ""


def test_7_the_next_span_is_compared_with_the_one_before(project: Path) -> None:
    done = penstock(project, "run")
    assert done.returncode == 0, done.stderr
    record = asked(project, "show")
    assert {n["node"]: n["state"] for n in record["nodes"]}["ValidationGate"] == "done"
    assert record["serving"]["answers"]["compared"] > 0
    assert record["serving"]["unmeasured"] == ["latency", "memory", "the blessed model"]
    report = Path(record["report"]).read_text()
    assert "country" in report
    before, after = [r["id"] for r in asked(project, "runs") if r["state"] == "complete"]
    kinds = [(d["kind"], d["what"]) for d in asked(project, "diff", before, after)]
    assert ("data", "MongoExampleGen") in kinds


def test_8_nothing_is_written_outside_the_project(project: Path) -> None:
    made = {p.name for p in project.iterdir()} - {p.name for p in EXAMPLE.iterdir()}
    assert made <= {".penstock", "serving_models", "quarantine", "__pycache__"}
    repository = project.parents[1]
    assert sorted(
        str(p.relative_to(repository)) for p in [*repository.glob("*"), *repository.glob("schema/**/*")]
    ) == [
        "examples",
        "schema",
        "schema/learner_retention",
        "schema/learner_retention/schema.pbtxt",
    ]
    assert os.stat(project / ".penstock").st_mode & 0o002 == 0


def test_9_the_pushed_model_answers_the_calls_of_the_readme(project: Path) -> None:
    grpc, rest = free_port(), free_port()
    command = [*COMMAND, "serve", "--engine", "embedded", "--port", str(grpc), "--rest-port", str(rest)]
    with subprocess.Popen(
        command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as served:
        try:
            assert any(line.startswith("Serving learner_retention") for line in served.stdout)
            done = subprocess.run(
                ["sh", "-c", readme_calls(grpc, rest)],
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        finally:
            served.send_signal(signal.SIGINT)
            served.communicate(timeout=60)
    answers = re.findall(r"0\.\d+", done.stdout)
    assert len(answers) == 2, done.stdout + done.stderr
    assert float(answers[0]) == pytest.approx(float(answers[1]), rel=1e-5)
    assert served.returncode == 0
