"""A stand-in for Google's Dataflow service, on loopback: its REST interface for jobs, messages and metrics.

It is a double at the network's edge. A job either really runs, by Beam's own local runner on the pipeline that was
staged, in this process or on a machine of its own (``dataflow_worker``), or does nothing at all but go through the states it is told: so a test can tell a result from a claim.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.side_by_side import free_port

DONE, FAILED, CANCELLED = "JOB_STATE_DONE", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED"
RUNNING = "JOB_STATE_RUNNING"
ENDED = (DONE, FAILED, CANCELLED)
_PATH = re.compile(
    r"/v1b3/projects/(?P<project>[^/]+)/locations/(?P<region>[^/]+)/jobs(/(?P<id>[^/]+)(/(?P<of>\w+))?)?"
)
_TIME = "2026-01-01T00:00:00Z"


@dataclass
class ServedJob:
    """One job: what was asked for, the staged pipeline, and what became of it."""

    content: dict[str, Any]
    pipeline: bytes
    states: list[str]
    messages: list[dict[str, str]] = field(default_factory=list)
    metrics: list[dict[str, Any]] = field(default_factory=list)

    @property
    def state(self) -> str:
        return self.states[0]

    def look(self) -> str:
        """Returns the state and goes on to the next one."""
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]


@dataclass
class Service:
    """The service.

    Attributes:
        port: Its port.
        executes: Whether jobs really run.
        work: Runs a staged pipeline and returns its counters; None: in this process.
        states: States that a job goes through when it does not run, one at each look.
        complaint: A message of level error of every job that does not run; empty for none.
        refuses: The status with which new jobs are refused; 0: they are not.
        requests: Every request, as ``GET /v1b3/…``.
        jobs: Id → job.
    """

    port: int
    executes: bool = True
    work: Callable[[bytes], list[dict[str, Any]]] | None = None
    states: Sequence[str] = (RUNNING, DONE)
    complaint: str = ""
    refuses: int = 0
    requests: list[str] = field(default_factory=list)
    jobs: dict[str, ServedJob] = field(default_factory=dict)

    @property
    def endpoint(self) -> str:
        """Value of ``--dataflow_endpoint``; Beam asks for no bucket where it says ``localhost``."""
        return f"http://localhost:{self.port}"

    def create(self, content: dict[str, Any]) -> dict[str, Any]:
        """Creates a job; an active one of the same name is returned in its place, as the real service does."""
        for job in self.jobs.values():
            if job.content["name"] == content["name"] and job.state not in ENDED:
                return job.content
        number = f"2026-01-01_00_00_00-{len(self.jobs) + 1:04d}"
        made = {**content, "id": number, "createTime": _TIME, "currentState": RUNNING}
        states = [RUNNING] if self.executes else list(self.states)
        self.jobs[number] = job = ServedJob(made, _staged(content), states)
        if self.executes:
            work = self.work or counters_of
            threading.Thread(target=_execute, args=(job, work), daemon=True).start()
        elif self.complaint:
            job.messages.append(_message("JOB_MESSAGE_ERROR", self.complaint))
        return made

    def cancel(self, number: str) -> dict[str, Any]:
        """Takes a request for another state."""
        job = self.jobs[number]
        job.states = [CANCELLED]
        return {**job.content, "currentState": CANCELLED}


def _message(level: str, text: str) -> dict[str, str]:
    return {"id": text[:20], "time": _TIME, "messageText": text, "messageImportance": level}


def _staged(content: dict[str, Any]) -> bytes:
    """Returns the pipeline's own description; the next job of this folder overwrites the file."""
    options = content["environment"]["sdkPipelineOptions"]["options"]
    return Path(options["pipelineUrl"]).read_bytes()


def _execute(job: ServedJob, work: Callable[[bytes], list[dict[str, Any]]]) -> None:
    try:
        job.metrics += _metrics(work(job.pipeline))
        job.states = [DONE]
    except Exception as error:  # noqa: BLE001 - whatever a worker raises, the service says as a message
        job.messages.append(_message("JOB_MESSAGE_ERROR", f"{type(error).__name__}: {error}"))
        job.states = [FAILED]


def counters_of(staged: bytes) -> list[dict[str, Any]]:
    """Runs a staged pipeline in this process, with the workers' image left out, and returns its counters."""
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.portability import python_urns
    from apache_beam.portability.api import beam_runner_api_pb2
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner

    pipeline = beam_runner_api_pb2.Pipeline.FromString(staged)
    for environment in pipeline.components.environments.values():
        environment.urn, environment.payload = python_urns.EMBEDDED_PYTHON, b""
        del environment.dependencies[:]
    result = FnApiRunner().run_via_runner_api(pipeline, PipelineOptions([]))
    result.wait_until_finish()
    return [
        {
            "name": one.key.metric.name,
            "namespace": one.key.metric.namespace,
            "step": one.key.step,
            "value": one.result,
        }
        for one in result.metrics().query()["counters"]
    ]


def _metrics(counters: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns counters as the service gives them: each committed and, beside it, tentative."""
    found = []
    for counter in counters:
        context = {"namespace": counter["namespace"], "step": counter["step"]}
        for also in ({}, {"tentative": "true"}):
            name = {"origin": "user", "name": counter["name"], "context": {**context, **also}}
            found.append({"name": name, "scalar": counter["value"], "updateTime": _TIME})
    paid = {"origin": "dataflow/v1b3", "name": "TotalVcpuTime", "context": {}}
    return [*found, {"name": paid, "scalar": 12, "updateTime": _TIME}]


def _handler(service: Service) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer("GET")

        def do_POST(self) -> None:
            self._answer("POST")

        def do_PUT(self) -> None:
            self._answer("PUT")

        def log_message(self, format: str, *args: Any) -> None:
            """Keeps quiet."""

        def _answer(self, method: str) -> None:
            url = urlsplit(self.path)
            service.requests.append(f"{method} {url.path}")
            length = int(self.headers.get("Content-Length") or 0)
            given = json.loads(self.rfile.read(length)) if length else {}
            found = _PATH.fullmatch(url.path)
            answer = _answered(service, method, found, given, parse_qs(url.query)) if found else None
            status = 200 if answer is not None else 404
            if method == "POST" and service.refuses:
                status, answer = service.refuses, None
            body = json.dumps(
                answer if answer is not None else {"error": {"code": status, "message": "refused"}}
            ).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


def _answered(
    service: Service, method: str, path: re.Match[str], given: dict[str, Any], query: dict[str, list[str]]
) -> dict[str, Any] | None:
    number, of = path["id"], path["of"]
    if number is None:
        return service.create(given) if method == "POST" else _listed(service, query)
    if number not in service.jobs:
        return None
    job = service.jobs[number]
    if method == "PUT":
        return service.cancel(number)
    if of == "messages":
        return {"jobMessages": job.messages}
    if of == "metrics":
        return {"metricTime": _TIME, "metrics": job.metrics}
    return {**job.content, "currentState": job.look()}


def _listed(service: Service, query: dict[str, list[str]]) -> dict[str, Any]:
    active = query.get("filter") in (["ACTIVE"], ["3"])
    jobs = [job for job in service.jobs.values() if not active or job.state not in ENDED]
    return {
        "jobs": [
            {"id": one.content["id"], "name": one.content["name"], "currentState": one.state} for one in jobs
        ]
    }


@contextlib.contextmanager
def serving() -> Iterator[Service]:
    """Runs the service."""
    service = Service(free_port())
    server = ThreadingHTTPServer(("127.0.0.1", service.port), _handler(service))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
