"""Measures data planes in front of a model server: ours, HAProxy, nginx, a grpc.aio proxy; and what experiments cost within the server.

    python benchmarks/routing/run.py                                     all points, three repeats, under eight minutes
    python benchmarks/routing/run.py --quick                             a dry run
    python benchmarks/routing/run.py --write docs/benchmarks-routing.md  put the tables into the documentation

Needs h2load, HAProxy and nginx: ``apt-get install --no-install-recommends nghttp2-client haproxy nginx``. None runs as a
service of the system: each gets a configuration, ports and a folder of its own, and ends with the run.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "serving"), str(HERE.parent.parent)]

import planes  # noqa: E402
import routing_tables  # noqa: E402
import tables  # noqa: E402
from bodies import Call, serving_grpc, serving_rest  # noqa: E402
from cost import Cost, children_seconds, cpu_seconds  # noqa: E402
from load import ask_once, find_h2load, load  # noqa: E402
from models import Model, dense_model  # noqa: E402
from planes import DIRECT, Plane  # noqa: E402
from routing_tables import AIO_FRONT, ECHO, HOP_FREE, SERVER  # noqa: E402

from foundation.errors import NodeError, PenstockError  # noqa: E402
from foundation.publish import write_text  # noqa: E402

SETTLE_SECONDS = 0.6
"""How long after the last request an experiment's log and counts may still be written: that is part of the cost."""
WARM_REQUESTS = 500
POINTS = ((1, 1), (1, 8), (1, 64), (16, 8))
"""Rows of a request and requests at once: one row is one unit of an experiment; each row is a row of the log."""


def parse(arguments: list[str]) -> argparse.Namespace:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    default = Path(tempfile.gettempdir()) / "penstock-bench-routing"
    parser.add_argument("--cache", type=Path, default=default, help="model, logs; default %(default)s")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--seconds", type=float, default=0.7, help="target time for one point; default %(default)s"
    )
    parser.add_argument("--only", nargs="*", default=[], help="names of data planes; default: all")
    parser.add_argument("--quick", action="store_true", help="one repeat with few requests")
    parser.add_argument("--json", type=Path, help="also write every figure to this file")
    parser.add_argument("--write", type=Path, help="put the tables between the markers of this file")
    given = parser.parse_args(arguments)
    if given.quick:
        given.repeats, given.seconds = 1, 0.05
    return given


class Bench:
    """All measurements.

    Args:
        model: The model that the server has.
        given: The command line.
    """

    def __init__(self, model: Model, given: argparse.Namespace) -> None:
        self._given = given
        self._work: Path = given.cache / "work"
        self._model = model
        self._calls = {rows: (serving_grpc(model, rows), serving_rest(model, rows)) for rows, _ in POINTS}
        self._started: list[Plane] = []
        self.points: list[dict[str, Any]] = []

    def run(self) -> None:
        """Measures both backends with every data plane in front, each point on all of them in turn."""
        try:
            server = self._start(planes.server(self._work, self._model.folder, SERVER))
            answers = [ask_once(call, port) for call, port in self._of(server, 1)]
            self._backend(server, self._beside())
            self._stop_all()
            self._backend(self._start(planes.echo(self._work, answers[0][5:], answers[1])), [])
        finally:
            self._stop_all()

    def _beside(self) -> list[Plane]:
        """Returns the same server in other forms: what experiments in it cost, and what its former front costs."""
        folder, work = self._model.folder, self._work
        former = planes.server(work, folder, AIO_FRONT, planes.FORMER_FRONT)
        forms = [planes.server(work, folder, HOP_FREE, experiments=True), former]
        started = [self._start(form) for form in forms if self._wanted(form.name)]
        former.rest = 0  # Its REST is the other's.
        return started

    def _wanted(self, name: str) -> bool:
        return not self._given.only or name in self._given.only

    def _start(self, plane: Plane) -> Plane:
        self._started.append(plane)
        plane.start()
        if plane.experiments:
            planes.check_arms(plane, *self._calls[1])
        if plane.name != ECHO:
            for call, port in self._of(plane, 1):
                load(call, port, WARM_REQUESTS, 1)
        print(f"{plane.name} is ready", flush=True)
        return plane

    def _stop_all(self) -> None:
        for plane in reversed(self._started):
            plane.stop()
        self._started = []

    def _of(self, plane: Plane, rows: int) -> list[tuple[Call, int]]:
        ports = (plane.grpc, plane.rest)
        return [(call, port) for call, port in zip(self._calls[rows], ports, strict=True) if port]

    def _backend(self, backend: Plane, beside: list[Plane]) -> None:
        between = [self._start(p) for p in planes.planes(self._work, backend) if self._wanted(p.name)]
        # The echo answers one row.
        points = [point for point in POINTS if point[0] == 1 or backend.name != ECHO]
        for repeat in range(self._given.repeats):
            for point in points:
                self._point(backend, DIRECT, None, point, repeat)
                for plane in between:
                    self._point(backend, plane.name, plane, point, repeat)
                for form in beside:
                    self._point(form, form.name, None, point, repeat)

    def _point(
        self, backend: Plane, name: str, plane: Plane | None, point: tuple[int, int], repeat: int
    ) -> None:
        rows, concurrency = point
        for call, port in self._of(plane or backend, rows):
            cost = self._measure(name, call, port, plane, backend, concurrency)
            where = {
                "backend": ECHO if backend.name == ECHO else SERVER,
                "protocol": "gRPC" if call.grpc else "REST",
                "plane": name,
                "rows": rows,
                "concurrency": concurrency,
                "repeat": repeat,
            }
            self.points.append({**where, **asdict(cost)})

    def _measure(
        self, name: str, call: Call, port: int, plane: Plane | None, backend: Plane, concurrency: int
    ) -> Cost:
        """Warms up, which also tells how many requests fill the target time, then measures."""
        # A gRPC channel is one connection; an HTTP client has one for each request in flight.
        connections, streams = (1, concurrency) if call.grpc else (concurrency, 1)
        size = len(ask_once(call, port))
        warm = load(call, port, max(2 * concurrency, 40), connections, streams)
        count = int(min(max(warm.rate * self._given.seconds, 4 * concurrency, 100), 60_000))
        settle = SETTLE_SECONDS if (plane or backend).experiments else 0.0
        time.sleep(settle)
        before = self._cpu(plane), self._cpu(backend), children_seconds()
        seen = load(call, port, count, connections, streams)
        time.sleep(settle)
        after = self._cpu(plane), self._cpu(backend), children_seconds()
        if abs(seen.bytes / count - size) > 0.02 * size:
            text = f"{seen.bytes / count:.0f} bytes on average"
            raise NodeError(f"{name} {call.path}", expected=f"answers of {size} bytes", seen=text)
        spent = [(b - a) * 1e6 / count for a, b in zip(before, after, strict=True)]
        return Cost(seen.rate, seen.p50, seen.p99, *spent)

    def _cpu(self, plane: Plane | None) -> float:
        return cpu_seconds(plane.process.pid) if plane and plane.process else 0.0


def main(arguments: list[str] | None = None) -> int:
    given = parse(sys.argv[1:] if arguments is None else arguments)
    try:
        if given.write:
            tables.check_markers(given.write, routing_tables.MARKERS)
        find_h2load()
        began = time.monotonic()
        machine = routing_tables.describe(planes.versions())
        bench = Bench(dense_model(given.cache / "dense"), given)
        bench.run()
        results = {
            "machine": machine,
            "repeats": given.repeats,
            "seconds": time.monotonic() - began,
            "points": bench.points,
        }
        write_text(given.json or given.cache / "results.json", json.dumps(results, indent=1))
        text = routing_tables.render(results)
        print(text)
        if given.write:
            tables.write_between(given.write, text, routing_tables.MARKERS)
    except PenstockError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    # If killed from outside, still stop the servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
