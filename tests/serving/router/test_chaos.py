"""Routers as processes with what goes wrong in production: bad arms, kills under load, several routers on one state.

What must hold: no reward counts twice, no unit switches its arm, and no client sees an error but the failing arm's own.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tests.serving.router.running import Got, RestBackend, answer

pytestmark = pytest.mark.integration

REPOSITORY = Path(__file__).parents[3]
PATIENCE = 60.0
DOCUMENT = """
backends: {{main: {{rest: "{backend}"}}}}
state: state.db
log: {{directory: predictions}}
experiments:
  e:
    model: m
    control: old
    arms: {{old: {{version: 1, weight: 50%}}, new: {{version: 2, weight: 50%}}}}
    reward: {{metric: r, window: 1h}}
    guardrails: {guardrails}
"""
GOOD = b'{"predictions": [0.5]}'


class Backend:
    """Answers version 1 well, and version 2 as the test says at the moment."""

    def __init__(self) -> None:
        self.second: Callable[[BaseHTTPRequestHandler], None] = well
        self.over = threading.Event()

    def hangs(self, handler: BaseHTTPRequestHandler) -> None:
        """Answers nothing before the test is over."""
        self.over.wait(PATIENCE)
        handler.close_connection = True

    def __call__(self, handler: BaseHTTPRequestHandler, got: Got) -> None:
        (self.second if "/versions/2" in got.path else well)(handler)


def well(handler: BaseHTTPRequestHandler) -> None:
    answer(handler, 200, GOOD)


def fails(handler: BaseHTTPRequestHandler) -> None:
    answer(handler, 503, b'{"error": "the new one is broken"}')


def not_a_number(handler: BaseHTTPRequestHandler) -> None:
    answer(handler, 200, b'{"predictions": [NaN]}')


def slow(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(0.06)
    answer(handler, 200, GOOD)


class RouterProcess:
    """``penstock route`` as a process.

    Args:
        folder: Where its document is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._log = folder, folder / f"router-{time.monotonic_ns()}.log"
        self.start()

    def start(self) -> None:
        """Starts it on a free port and waits until it answers."""
        command = [
            sys.executable,
            "-m",
            "pipeline.cli.main",
            "route",
            "experiments.yaml",
            "--port=0",
            "--rest-port=0",
        ]
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                command, cwd=self._folder, env=environment, stdout=log, stderr=log
            )
        self.port = until(self._found, "the router's port")

    def _found(self) -> int:
        assert self._process.poll() is None, self._log.read_text()
        found = [line for line in self._log.read_text().splitlines() if "HTTP/REST API at" in line]
        return int(found[-1].rpartition(":")[2]) if found else 0

    def kill(self) -> None:
        """Ends it as the kernel would: nothing is flushed."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._log.write_text("")

    def stop(self) -> None:
        """Ends it as a deployment would."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(PATIENCE)


def until(found: Callable[[], Any], what: str) -> Any:
    """Waits until something is there, and returns it."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if value := found():
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what} did not come within {PATIENCE} s")


class App:
    """Asks one router; a connection of its own."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)

    def call(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, dict[str, str], Any]:
        text = json.dumps(body).encode() if body is not None else None
        self.connection.request(method, path, text, {"Content-Type": "application/json", **headers})
        got = self.connection.getresponse()
        return got.status, {k.lower(): v for k, v in got.headers.items()}, json.loads(got.read() or b"{}")

    def predict(self, unit: str) -> tuple[int, str, str, Any]:
        """Returns status, arm, request id and body."""
        body = {"instances": [1.0]}
        status, headers, said = self.call("POST", "/v1/models/m:predict", body, **{"penstock-unit": unit})
        return status, headers.get("penstock-arm", ""), headers.get("penstock-request-id", ""), said

    def reward(self, unit: str) -> str:
        return str(self.call("POST", "/v1/experiments/e:reward", {"unit": unit, "value": 1})[2]["status"])

    def status(self) -> dict[str, Any]:
        return dict(self.call("GET", "/v1/experiments/e")[2])

    def running(self) -> App:
        """Starts the experiment and waits until it takes requests."""
        self.call("POST", "/v1/experiments/e:start", {})
        until(lambda: self.predict("first")[1], "the experiment")
        return self


@pytest.fixture
def backend() -> Iterator[tuple[Backend, str]]:
    made = Backend()
    with RestBackend(made) as server:
        yield made, server.address
        made.over.set()


@pytest.fixture
def start(tmp_path: Path, backend: tuple[Backend, str]) -> Iterator[Callable[..., RouterProcess]]:
    """Starts routers that share one document and one state."""
    with contextlib.ExitStack() as stack:

        def make(guardrails: str = "{}") -> RouterProcess:
            text = DOCUMENT.format(backend=backend[1], guardrails=guardrails)
            (tmp_path / "experiments.yaml").write_text(text)
            process = RouterProcess(tmp_path)
            stack.callback(process.stop)
            return process

        yield make


def arms_of(app: App, units: range) -> dict[str, str]:
    return {f"u{i}": app.predict(f"u{i}")[1] for i in units}


GUARDED = {
    "fails": (fails, "{failures_in_a_row: 4}", {503}),
    "nan": (not_a_number, "{nan_share: 20%}", {200}),
    "hangs": (None, "{failures_in_a_row: 3, hang: 500ms}", {504}),
    "slow": (slow, "{slower_than: {ms: 30, share: 5%}, failures_in_a_row: null}", {200}),
}


@pytest.mark.parametrize("kind", list(GUARDED))
def test_a_bad_arm_is_taken_out_and_hurts_nobody_else(
    kind: str, start: Callable[..., RouterProcess], backend: tuple[Backend, str]
) -> None:
    behaviour, guardrails, allowed = GUARDED[kind]
    app = App(start(guardrails).port).running()
    before = arms_of(app, range(40))
    assert set(before.values()) == {"e/old", "e/new"}
    backend[0].second = behaviour or backend[0].hangs
    statuses: dict[str, Counter[int]] = defaultdict(Counter)

    fresh = itertools.count()

    def out() -> bool:
        for unit in (*(f"u{i}" for i in range(4)), *(f"fresh{next(fresh)}" for _ in range(16))):
            status, arm, _, _ = app.predict(unit)
            statuses[arm][status] += 1
            assert arm in (before.get(unit, arm), "e/old"), "control answers for an arm that is out, no more"
        return bool(app.status()["arms"]["new"]["out"])

    until(out, f"an arm that {kind} to be taken out")
    until(lambda: set(arms_of(app, range(40)).values()) == {"e/old"}, "control to answer everything")
    assert set(statuses["e/old"]) == {200}, "control's clients see no error"
    assert set(statuses["e/new"]) <= {200, *allowed}
    units = [unit for unit, arm in before.items() if arm == "e/new"]
    assert {app.reward(unit) for unit in units} == {"accepted"}, "rewards of the arm that is out still count"
    assert any("new" in event["text"] for event in app.status()["events"])


def test_a_killed_router_contradicts_nobody(start: Callable[..., RouterProcess]) -> None:
    process = start()
    app = App(process.port).running()
    arms: dict[str, set[str]] = defaultdict(set)
    rewarded: list[str] = []
    lost = 0
    for round_ in range(3):
        for i in range(200):
            unit = f"u{(i * 7 + round_ * 31) % 300}"
            status, arm, _, _ = app.predict(unit)
            assert status == 200
            arms[unit].add(arm)
        told = [f"u{(i * 7 + round_ * 31) % 300}" for i in range(0, 200, 8)]
        rewarded += [unit for unit in told if app.reward(unit) == "accepted"]
        process.kill()
        with contextlib.suppress(OSError, http.client.HTTPException):
            app.predict("u0")
            lost += 1
        process.start()
        app = App(process.port)
        until(lambda app=app: app.predict("first")[1], "the experiment after a restart")
    assert lost == 0, "a router that is gone answers nothing"
    assert {len(seen) for seen in arms.values()} == {1}, "a unit keeps its arm over restarts"
    assert {app.reward(unit) for unit in rewarded} == {"repeated"}, "an acknowledged reward is never lost"
    found = app.status()
    assert sum(arm["rewarded"] for arm in found["arms"].values()) == len(set(rewarded))
    assert found["counters"].get("units_switched", 0) == 0


def test_two_routers_on_one_state_agree_and_count_once(start: Callable[..., RouterProcess]) -> None:
    routers = [start(), start()]
    apps = [App(router.port) for router in routers]
    apps[0].running()
    until(lambda: apps[1].predict("first")[1], "the experiment at the second router")
    found = [arms_of(app, range(150)) for app in apps]
    assert found[0] == found[1]
    receipts: Counter[str] = Counter()

    def tell(app: App) -> None:
        for i in range(60):
            receipts[app.reward(f"u{i}")] += 1

    threads = [
        threading.Thread(target=tell, args=(App(router.port),)) for router in routers for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert receipts == {"accepted": 60, "repeated": 180}
    apps[0].call("POST", "/v1/experiments/e:ramp", {"weights": {"old": 0.2, "new": 0.8}})
    until(lambda: apps[0].status()["arms"]["new"]["weight"] == 0.8, "the ramp")
    before = list(found[0].values()).count("e/new")
    for app in apps:  # Both follow at a moment that is agreed on, a few seconds ahead.
        until(
            lambda app=app: list(arms_of(app, range(150)).values()).count("e/new") > before,
            "the move of units",
        )
    after = [arms_of(app, range(150)) for app in apps]
    assert after[0] == after[1]
    assert all(after[0][unit] == "e/new" for unit, arm in found[0].items() if arm == "e/new")
    routers[0].kill()
    assert arms_of(apps[1], range(150)) == after[1], "the other one goes on alone"
    assert sum(arm["rewarded"] for arm in apps[1].status()["arms"].values()) == 60
