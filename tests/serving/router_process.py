"""``penstock route`` in front of a model server, with an experiment on each model whose arms are the model itself."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

_NAME = re.compile(r'\bname:\s*"([^"/:\s]+)"')


def model_names(flags: list[str]) -> list[str]:
    """The models of a server's command line, as far as an experiment can have them."""
    given = dict(flag.lstrip("-").partition("=")[::2] for flag in flags)
    if "model_config_file" in given:
        return _NAME.findall(Path(given["model_config_file"]).read_text())
    return [given.get("model_name", "default")]


class RouterProcess:
    """A started router.

    Args:
        folder: The folder for its document, state and log.
        backend: The server's ports.
        ports: The router's ports; 0 as the second means no REST.
        flags: The server's command line.
    """

    def __init__(
        self, folder: Path, backend: tuple[int, int], ports: tuple[int, int], flags: list[str]
    ) -> None:
        names = model_names(flags)
        own = folder / f"router-{ports[0]}"
        own.mkdir()
        rest = ports[1] or _free_port()
        addresses = {"grpc": f"127.0.0.1:{backend[0]}"}
        if backend[1]:
            addresses["rest"] = f"127.0.0.1:{backend[1]}"
        document = {
            "backends": {"main": addresses},
            "state": {"sqlite": "state.db"},
            "layers": {f"l{n}": {} for n in range(len(names))},
            "experiments": {
                f"e{n}": {
                    "model": name,
                    "layer": f"l{n}",
                    "control": "a",
                    "arms": {"a": {"weight": 1}, "b": {"weight": 1}},
                }
                for n, name in enumerate(names)
            },
        }
        path = own / "experiments.yaml"
        path.write_text(json.dumps(document))
        command = [sys.executable, "-m", "pipeline.cli.main", "route", str(path), "--reload=all"]
        with (own / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [*command, f"--port={ports[0]}", f"--rest-port={rest}", "--drain-seconds=5"],
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._wait(rest, own / "log")
        for n in range(len(names)):
            _post(f"http://127.0.0.1:{rest}/v1/experiments/e{n}:start")
        self._wait_running(rest, len(names))

    def _wait(self, port: int, log: Path) -> None:
        end = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz/ready", timeout=5):
                    return
            except OSError:
                assert self._process.poll() is None, log.read_text()
                assert time.monotonic() < end, log.read_text()
                time.sleep(0.05)

    def _wait_running(self, port: int, count: int) -> None:
        """Waits until every experiment is started, and its table in force."""
        end = time.monotonic() + 60
        while True:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/experiments", timeout=20) as answer:
                phases = [one["phase"] for one in json.load(answer)["experiments"]]
            if phases == ["running"] * count:
                time.sleep(2.0)  # The lead time of a table.
                return
            assert time.monotonic() < end, phases
            time.sleep(0.05)

    def stop(self) -> None:
        """Ends it."""
        self._process.terminate()
        self._process.wait(30)


def _free_port() -> int:
    from tests.side_by_side import free_port

    return free_port()


def _post(url: str) -> None:
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, b"{}", headers, method="POST")
    with urllib.request.urlopen(request, timeout=20):
        return
