"""What happens to a job that fails, that nobody waits for any more, or that another attempt has left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from foundation.errors import NodeError, StorageError
from pipeline.document.models import RunConfig
from pipeline.engines.base import Context
from pipeline.engines.dataflow.engine import DataflowEngine
from pipeline.engines.dataflow.labels import job_name
from tests.dataflow_service import CANCELLED, DONE, FAILED, RUNNING, Service, serving

pytestmark = pytest.mark.integration


@pytest.fixture
def service() -> Iterator[Service]:
    with serving() as running:
        running.executes = False
        yield running


COMMAND = [sys.executable, "-c", "import sys; from pipeline.cli.main import main; sys.exit(main())"]


def options(service: Service, folder: Path) -> list[str]:
    return [
        "--project=my-project",
        "--region=us-east1",
        f"--temp_location={folder}",
        f"--staging_location={folder}",
        f"--dataflow_endpoint={service.endpoint}",
        "--no_auth",
        "--sdk_container_image=registry.example.com/penstock:1",
    ]


def run(service: Service, folder: Path, attempt: int = 1, run_id: str = "r1") -> None:
    """Runs a small pipeline as the job of an attempt at a node."""
    import apache_beam as beam

    asked = RunConfig(beam="dataflow", beam_args=options(service, folder))
    context = Context("taxi", run_id, "Transform", attempt)
    with DataflowEngine().started(asked, context) as given, beam.Pipeline(argv=given) as pipeline:
        _ = pipeline | beam.Create([1, 2]) | beam.io.WriteToText(str(folder / "out"))


def states(service: Service) -> list[str]:
    return [job.state for job in service.jobs.values()]


def test_a_failed_job_is_told_with_its_id_its_page_and_what_the_service_said(
    service: Service, tmp_path: Path
) -> None:
    service.states = (RUNNING, FAILED)
    service.complaint = "Workflow failed. Causes: The zone has no machines left."
    with pytest.raises(NodeError) as caught:
        run(service, tmp_path)
    ((number, job),) = service.jobs.items()
    said = str(caught.value)
    assert (
        f"Dataflow job {job.content['name']} ({number}); expected JOB_STATE_DONE; seen: JOB_STATE_FAILED"
        in said
    )
    assert "The zone has no machines left." in said
    assert f"https://console.cloud.google.com/dataflow/jobs/us-east1/{number}?project=my-project" in said


@pytest.mark.parametrize(
    ("complaint", "may_pass"),
    [
        pytest.param("ZONE_RESOURCE_POOL_EXHAUSTED: no machines", True, id="no machines left"),
        pytest.param("ValueError: bad row", False, id="own code"),
    ],
)
def test_only_a_shortage_may_pass_by_itself(
    service: Service, tmp_path: Path, complaint: str, may_pass: bool
) -> None:
    service.states, service.complaint = (FAILED,), complaint
    with pytest.raises(NodeError) as caught:
        run(service, tmp_path)
    assert caught.value.may_pass is may_pass


def test_an_error_of_ours_that_a_worker_raised_is_that_of_the_node(service: Service, tmp_path: Path) -> None:
    raised = StorageError("gs://bucket/shard", seen="no answer").passing()
    service.states = (FAILED,)
    service.complaint = "Error processing: " + "".join(traceback.format_exception(raised))
    with pytest.raises(StorageError, match="gs://bucket/shard; seen: no answer") as caught:
        run(service, tmp_path)
    assert caught.value.may_pass
    assert "expected JOB_STATE_DONE" in str(caught.value.__cause__)


def test_a_refusal_of_the_service_is_told_and_not_tried_again(service: Service, tmp_path: Path) -> None:
    service.refuses = 403
    with pytest.raises(NodeError, match=r"seen: 403 .*refused; remedy: check project") as caught:
        run(service, tmp_path)
    assert not caught.value.may_pass


@pytest.mark.parametrize("state", [CANCELLED, "JOB_STATE_DRAINED", "JOB_STATE_UPDATED"])
def test_only_a_job_that_is_done_has_done_it(service: Service, tmp_path: Path, state: str) -> None:
    service.states = (RUNNING, state)
    with pytest.raises(NodeError, match=f"expected {DONE}; seen: {state}"):
        run(service, tmp_path)


def watched(service: Service) -> bool:
    return any(one.endswith("/messages") for one in service.requests)


def terminate_once_watched(service: Service) -> None:
    while not watched(service):
        time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGTERM)


def test_a_process_that_is_told_to_end_cancels_its_job(service: Service, tmp_path: Path) -> None:
    def end(number: int, frame: Any) -> None:
        raise SystemExit(128 + number)

    service.states = (RUNNING,)
    before = signal.signal(signal.SIGTERM, end)
    try:
        threading.Thread(target=terminate_once_watched, args=(service,), daemon=True).start()
        with pytest.raises(SystemExit):
            run(service, tmp_path)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert states(service) == [CANCELLED]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_told_to_end_cancels_its_job(
    service: Service, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    service.states = (RUNNING,)
    rows = ({"_id": n, "lessons": n % 7, "kept": n % 3 == 0} for n in range(60))
    (tmp_path / "export.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    document = {
        "name": "taxi",
        "data": {"mongo_export": "export.jsonl", "label": "kept"},
        "features": {"lessons": "zscore"},
        "evaluate": {"metrics": ["auc"], "gates": "none"},
        "run": {"beam": "dataflow", "beam_args": options(service, tmp_path)},
    }
    (tmp_path / "pipeline.yaml").write_text(json.dumps(document))
    environment = {"PENSTOCK_ZYGOTE": "off", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        [*COMMAND, "run", "--to", "MongoExampleGen"],
        cwd=tmp_path,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        while process.poll() is None and not watched(service):
            time.sleep(0.05)
        process.send_signal(number)
        said, _ = process.communicate()
    assert (states(service), process.returncode) == ([CANCELLED], code), said


def test_the_next_attempt_cancels_what_a_killed_one_has_left_and_no_other_job(
    service: Service, tmp_path: Path
) -> None:
    service.states = (RUNNING,)
    leave_running(service, tmp_path, job_name("taxi", "Transform", "r1", 1))
    leave_running(service, tmp_path, job_name("taxi", "Transform", "r2", 1))
    service.executes = True
    run(service, tmp_path, attempt=2)
    assert states(service) == [CANCELLED, RUNNING, DONE]
    order = [one for one in service.requests if one.startswith(("PUT", "POST"))]
    assert [one.partition(" ")[0] for one in order] == ["PUT", "POST"]
    assert (tmp_path / "out-00000-of-00001").read_text() == "1\n2\n"


def leave_running(service: Service, folder: Path, name: str) -> None:
    """Has the service know a job that nobody waits for."""
    (folder / "pipeline.pb").touch()
    options = {"pipelineUrl": str(folder / "pipeline.pb")}
    service.create({"name": name, "environment": {"sdkPipelineOptions": {"options": options}}})
