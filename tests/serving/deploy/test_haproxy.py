"""HAProxy splits by unit with the generated files; what it cannot do is refused."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.request import Request, urlopen

import pytest

from foundation.errors import SpecError
from serving.deploy.haproxy import CONFIG, SLOT_MAP, Front, haproxy_files
from serving.experiments.document.reader import parse_document

DOCUMENT = """
backends: {a: {grpc: "127.0.0.1:1", rest: "127.0.0.1:11111"}, b: {grpc: "127.0.0.1:2", rest: "127.0.0.1:22222"}}
layers: {default: {salt: "it's \\"$HOME\\" {odd}"}}
experiments:
  e: {model: m, control: old, arms: {old: {backend: a, weight: 75%}, new: {backend: b, weight: 25%}}}
"""


def files(text: str, before: str | None = None, **front: int) -> dict[str, str]:
    return haproxy_files(parse_document(text, "experiments.yaml"), Front(**front), before)


def arms(slot_map: str) -> list[str]:
    return [line.split()[1] for line in slot_map.splitlines()]


def test_slots_follow_the_shares_and_the_fewest_move() -> None:
    first = files(DOCUMENT)[SLOT_MAP]
    assert arms(first).count("new") == 2500
    second = files(DOCUMENT.replace("75%", "60%").replace("25%", "40%"), first)[SLOT_MAP]
    moved = [(a, b) for a, b in zip(arms(first), arms(second), strict=True) if a != b]
    assert len(moved) == 1500
    assert set(moved) == {("old", "new")}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("{backend: b,", "{backend: b, version: 2,"), "cannot ask for a version"),
        (("{backend: b,", "{"), "two arms have one address"),
        (("control: old", "control: old, mode: thompson, reward: {}"), "neither learns nor compares"),
        (("control: old", "control: old, unit: {feature: user}"), "reads headers only"),
        (("control: old", "control: old, fallback: control"), "it has none"),
    ],
    ids=["version", "address", "mode", "unit", "fallback"],
)
def test_what_haproxy_cannot_do_is_refused(change: tuple[str, str], said: str) -> None:
    with pytest.raises(SpecError, match=said):
        files(DOCUMENT.replace(*change))


def _server(name: str) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(name)))
            self.end_headers()
            self.wfile.write(name.encode())

        def log_message(self, *said: object) -> None:
            """Logs nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    return server


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """HAProxy with the generated files, in front of two servers that say their names."""
    program = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
    if program is None:
        pytest.skip("there is no haproxy on this machine")
    with ExitStack() as stack:
        text = DOCUMENT
        for arm, place in (("old", "11111"), ("new", "22222")):
            server = _server(arm)
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            text = text.replace(place, str(server.server_port))
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        for name, made in haproxy_files(
            parse_document(text, "d"), Front(grpc_port=None, rest_port=port)
        ).items():
            (tmp_path / name).write_text(made)
        started = subprocess.Popen([program, "-q", "-db", "-f", CONFIG], cwd=tmp_path)
        stack.callback(started.wait)
        stack.callback(started.terminate)
        for _ in range(500):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}/v1/models/m"


@pytest.mark.integration
def test_haproxy_keeps_a_unit_at_its_arm(address: str) -> None:
    def asked(unit: str | None) -> str:
        headers = {"penstock-unit": unit} if unit else {}
        with urlopen(Request(address, headers=headers), timeout=10) as answer:
            said = answer.read().decode()
            assert answer.headers["penstock-arm"] == f"e/{said}"
            return said

    found = [asked(f"unit-{i}") for i in range(400)]
    assert found == [asked(f"unit-{i}") for i in range(400)]
    assert 60 < found.count("new") < 140
    assert {asked(None) for _ in range(10)} == {"old"}
