"""Measures serving: Penstock's server, FastAPI, plain grpcio, BentoML and MLServer, and the floors for each protocol.

    python benchmarks/serving/run.py                                     all points, three repeats, about ten minutes
    python benchmarks/serving/run.py --quick                             a dry run of a minute
    python benchmarks/serving/run.py --only Penstock "Penstock, grpc.aio" --protocols gRPC   our two gRPC fronts alone
    python benchmarks/serving/run.py --write docs/benchmarks-serving.md  put the tables into the documentation

The other servers are installed from the package index, each into its own environment under --cache.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent)]

import servers  # noqa: E402
import tables  # noqa: E402
from bodies import Call  # noqa: E402
from load import Load, ask_once, find_h2load, load  # noqa: E402
from models import Model, dense_model, learner_model  # noqa: E402

from foundation.errors import NodeError, PenstockError  # noqa: E402
from foundation.publish import write_text  # noqa: E402

BATCHES, CONCURRENCY = (1, 32), (1, 8, 64)
PEERS = ("fastapi", "bentoml", "mlserver")


def parse(arguments: list[str]) -> argparse.Namespace:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    default = Path(tempfile.gettempdir()) / "penstock-bench-serving"
    parser.add_argument(
        "--cache", type=Path, default=default, help="environments, models, logs; default %(default)s"
    )
    parser.add_argument("--learners", type=Path, help="SavedModel; default: what `make demo` pushed")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--seconds", type=float, default=0.7, help="target time for one point; default %(default)s"
    )
    parser.add_argument("--only", nargs="*", default=[], help="names of servers; default: all")
    parser.add_argument("--models", nargs="*", default=["dense", "learners"])
    parser.add_argument("--protocols", nargs="*", default=["REST", "gRPC"])
    parser.add_argument("--quick", action="store_true", help="one repeat with few requests")
    parser.add_argument("--json", type=Path, help="also write every figure to this file")
    parser.add_argument("--write", type=Path, help="put the tables between the markers of this file")
    given = parser.parse_args(arguments)
    if given.quick:
        given.repeats, given.seconds = 1, 0.1
    return given


def install(cache: Path) -> Path:
    """Installs the other servers, each into its own environment, unless they are installed.

    Raises:
        NodeError: uv failed.
    """
    uv = os.environ.get("UV", str(HERE.parents[1] / ".venv/.setup/tools/bin/uv"))
    venvs = cache / "venvs"
    for name in PEERS:
        pins = HERE / "competitors" / f"{name}.txt"
        done = venvs / f"{name}.installed"
        if done.exists() and done.read_text() == pins.read_text():
            continue
        print(f"installing {name}", flush=True)
        python = str(venvs / name / "bin" / "python")
        for command in (
            [uv, "venv", "-q", "--clear", "--python", "3.11", str(venvs / name)],
            [uv, "pip", "sync", "-q", "--python", python, "--compile-bytecode", str(pins)],
        ):
            if subprocess.run(command, check=False).returncode:
                raise NodeError(
                    name, expected="uv to install it", seen="see above", remedy="set UV=/path/to/uv"
                )
        done.write_text(pins.read_text())
    return venvs


class Bench:
    """All measurements of one model.

    Args:
        model: The model.
        given: The command line.
        venvs: The environments of the other servers.
        results: Collects the figures: one entry per server, point and repeat.
    """

    def __init__(self, model: Model, given: argparse.Namespace, venvs: Path, results: dict[str, Any]) -> None:
        self.model, self.given, self.results = model, given, results
        self.work, self.logs = given.cache / "work", given.cache / "logs"
        for folder in (self.work, self.logs):
            folder.mkdir(parents=True, exist_ok=True)
        all_of_them = [
            servers.ours(model, self.work),
            servers.ours(model, self.work, batching=True),
            servers.ours(model, self.work, former=True),
            servers.fastapi(venvs),
            servers.naive_grpc(venvs),
            servers.bentoml(venvs, self.work),
            servers.mlserver(venvs, self.work, model),
        ]
        self.servers = [s for s in all_of_them if not given.only or s.name in given.only]
        self.sizes: dict[tuple[str, str, int], int] = {}

    def run(self) -> None:
        """Starts all servers one after the other, then measures each point on all of them in turn."""
        self._floor()
        try:
            for server in self.servers:
                self._start(server)
            self._start_echoes()
            for repeat in range(self.given.repeats):
                for rows in BATCHES:
                    for concurrency in CONCURRENCY:
                        self._point(rows, concurrency, repeat)
            for server in self.servers:
                self._note("memory", server.name, server.memory())
        finally:
            for server in self.servers:
                server.stop()

    def _note(self, what: str, server: str, value: float) -> None:
        self.results.setdefault(what, {}).setdefault(self.model.name, {})[server] = value

    def _start(self, server: servers.Server) -> None:
        server.calls(self.model, 1)  # import the client's dependencies before the clock starts
        seconds = server.start(self.model, self.logs)
        self._note("ready", server.name, seconds)
        self._note("memory at start", server.name, server.memory())
        print(f"{self.model.name}: {server.name} ready after {seconds:.1f} s", flush=True)

    def _start_echoes(self) -> None:
        """Learns the size of an echo's answers from our server's."""
        ours = next((s for s in self.servers if s.name == "Penstock"), None)
        if ours is None:
            return
        rest, grpc = {}, {}
        for rows in BATCHES:
            (by_rest, rest_port), (by_grpc, grpc_port) = ours.calls(self.model, rows)
            rest[len(by_rest.body)] = len(ask_once(by_rest, rest_port))
            grpc[len(by_grpc.body) - 5] = len(ask_once(by_grpc, grpc_port)) - 5
        for echo in (servers.echo_rest(rest), servers.echo_grpc(grpc), servers.echo_grpc(grpc, former=True)):
            echo.start(self.model, self.logs)
            self.servers.append(echo)

    def _floor(self) -> None:
        columns = {str(rows): self.model.columns(rows) for rows in BATCHES}
        command = [sys.executable, str(HERE / "competitors" / "callable.py"), str(self.model.folder)]
        done = subprocess.run(
            command, input=json.dumps(columns), capture_output=True, text=True, check=True,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
        )  # fmt: skip
        self.results.setdefault("callable", {})[self.model.name] = json.loads(done.stdout.splitlines()[-1])

    def _point(self, rows: int, concurrency: int, repeat: int) -> None:
        for server in self.servers:
            for call, port in server.calls(self.model, rows):
                protocol = "gRPC" if call.grpc else "REST"
                if protocol not in self.given.protocols:
                    continue
                figures = self._measure(server.name, call, port, rows, concurrency, repeat)
                point = {
                    "model": self.model.name,
                    "protocol": protocol,
                    "rows": rows,
                    "concurrency": concurrency,
                }
                self.results.setdefault("points", []).append(
                    {"server": server.name, **point, "repeat": repeat, **asdict(figures)}
                )

    def _measure(self, name: str, call: Call, port: int, rows: int, concurrency: int, repeat: int) -> Load:
        """Warms up, which also tells how many requests fill the target time, then measures."""
        size = len(ask_once(call, port))
        warm = load(call, port, max(2 * concurrency, 40), concurrency)
        count = int(min(max(warm.rate * self.given.seconds, 4 * concurrency, 100), 40_000))
        figures = load(call, port, count, concurrency)
        # Runs of a model may differ by a trailing newline or a digit; an error differs by much more.
        if abs(figures.bytes / count - size) > 0.02 * size:
            seen = f"{figures.bytes / count:.0f} bytes on average"
            raise NodeError(f"{name} {call.path}", expected=f"answers of {size} bytes", seen=seen)
        return figures


def main(arguments: list[str] | None = None) -> int:
    given = parse(sys.argv[1:] if arguments is None else arguments)
    try:
        if given.write:
            tables.check_markers(given.write)
        find_h2load()
        began = time.monotonic()
        alone = given.only and not {*given.only} & {*tables.PEERS}
        venvs = given.cache / "venvs" if alone else install(given.cache)
        models = [dense_model(given.cache / "dense")]
        if "learners" in given.models:
            models.append(learner_model(given.learners))
        results: dict[str, Any] = {"machine": tables.describe(venvs), "repeats": given.repeats}
        for model in models:
            if model.name in given.models:
                Bench(model, given, venvs, results).run()
        results["seconds"] = time.monotonic() - began
        write_text(given.json or given.cache / "results.json", json.dumps(results, indent=1))
        text = tables.render(results)
        print(text)
        if given.write:
            tables.write_between(given.write, text)
    except PenstockError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    # If killed from outside, still stop the servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
