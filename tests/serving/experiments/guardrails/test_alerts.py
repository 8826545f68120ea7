"""The alert hook hears what happened, holds nothing up, and gets no secret."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from serving.experiments.guardrails.alerts import Alerts
from serving.experiments.guardrails.config import AlertConfig

ALERT = {
    "kind": "arm_removed",
    "experiment": "exam",
    "arm": "new",
    "reason": "5 failures in a row",
    "at": 1.0,
}


class Receiver(HTTPServer):
    """A receiver on a real socket; answers with ``status``, after ``held`` is set if there is one."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: list[tuple[dict[str, str], Any]] = []
        self.status = 204
        self.held: threading.Event | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.held:
            self.server.held.wait(30)
        self.server.seen.append((dict(self.headers), json.loads(body)))
        self.send_response(self.server.status)
        if self.server.status == 302:
            self.send_header("Location", self.server.url + "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    if server.held:
        server.held.set()
    server.shutdown()
    thread.join()
    server.server_close()


def sent(config: dict[str, Any], environment: dict[str, str] | None = None) -> Alerts:
    alerts = Alerts(AlertConfig.model_validate(config), environment or {})
    alerts.send(ALERT)
    alerts.close(30)
    return alerts


def test_an_address_gets_the_alert_with_its_token(receiver: Receiver) -> None:
    alerts = sent({"url": receiver.url, "token": "HOOK"}, {"HOOK": "geheim"})
    [(headers, body)] = receiver.seen
    assert body == ALERT
    assert headers["Authorization"] == "Bearer geheim"
    assert alerts.counts == {"sent": 1, "failed": 0, "dropped": 0}


@pytest.mark.parametrize("status", [500, 403, 302])
def test_an_address_that_refuses_is_counted_and_its_redirects_not_followed(
    receiver: Receiver, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.status = status
    with caplog.at_level(logging.WARNING):
        alerts = sent({"url": receiver.url, "token": "HOOK"}, {"HOOK": "geheim"})
    assert alerts.counts["failed"] == 1
    assert len(receiver.seen) == 1
    assert f"answered {status}" in caplog.text
    assert "geheim" not in caplog.text


def test_an_address_that_is_away_is_counted() -> None:
    assert sent({"url": "http://127.0.0.1:9/"}).counts["failed"] == 1


def test_an_address_that_is_a_secret_comes_from_the_environment(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.status = 500
    with caplog.at_level(logging.WARNING):
        alerts = sent({"url_variable": "HOOK_URL"}, {"HOOK_URL": receiver.url})
    assert [body for _, body in receiver.seen] == [ALERT]
    assert receiver.url not in caplog.text
    assert alerts.counts == {"sent": 0, "failed": 1, "dropped": 0}
    assert sent({"url_variable": "HOOK_URL"}).counts["failed"] == 1


def test_without_the_token_nothing_is_sent(receiver: Receiver) -> None:
    assert sent({"url": receiver.url, "token": "HOOK"}).counts["failed"] == 1
    assert receiver.seen == []


def test_a_command_reads_the_alert_from_its_input(tmp_path: Path) -> None:
    out = tmp_path / "alert.json"
    code = f"import sys, pathlib; pathlib.Path({str(out)!r}).write_text(sys.stdin.read())"
    alerts = sent({"command": [sys.executable, "-c", code]})
    assert json.loads(out.read_text()) == ALERT
    assert alerts.counts["sent"] == 1


@pytest.mark.parametrize(
    "command",
    [["/no/such/program"], [sys.executable, "-c", "raise SystemExit(3)"], [sys.executable, "-c", "import time; time.sleep(60)"]],
    ids=["missing", "fails", "hangs"],
)  # fmt: skip
def test_a_command_that_fails_or_hangs_is_counted(command: list[str]) -> None:
    assert sent({"command": command, "timeout": 2}).counts["failed"] == 1


def test_a_receiver_that_hangs_holds_nobody_up_and_what_is_too_much_is_dropped(receiver: Receiver) -> None:
    receiver.held = threading.Event()
    alerts = Alerts(AlertConfig.model_validate(receiver.url), {})
    for _ in range(200):
        alerts.send(ALERT)
    assert alerts.counts["dropped"] >= 99
    assert receiver.seen == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"url": "ftp://x"}, "http"),
        ({"url": "https://user:secret@x/"}, "no user or password"),
        ({"command": ["x"], "token": "HOOK"}, "token belongs to url"),
        ({}, "url, command or both"),
    ],
    ids=["scheme", "password", "token", "nothing"],
)
def test_what_does_not_fit_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        AlertConfig.model_validate(given)
