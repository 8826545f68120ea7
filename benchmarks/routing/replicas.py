"""Measures what one router carries, and what two on one state carry.

    python benchmarks/routing/replicas.py                                     a minute
    python benchmarks/routing/replicas.py --write docs/benchmarks-routing.md  put the table into the documentation

Before the echo, so that the routers' own limits show; an experiment by request, the prediction log on. Client, routers and
echo share the machine's cores, so the CPU time of a request says more than the rate: a core carries its inverse.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "serving"), str(HERE.parent.parent)]

import planes  # noqa: E402
import routing_tables  # noqa: E402
import tables  # noqa: E402
from bodies import serving_grpc, serving_rest  # noqa: E402
from cost import cpu_seconds  # noqa: E402
from load import ask_once, find_h2load, load  # noqa: E402
from models import dense_model  # noqa: E402

MARKERS = ("<!-- replicas begin -->", "<!-- replicas end -->")
CONCURRENCY = 32
"""Calls in flight at each router."""
SETTLE_SECONDS = 0.6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--seconds", type=float, default=2.0, help="target time of a point; default %(default)s"
    )
    parser.add_argument("--write", type=Path, help="put the table between the markers of this file")
    given = parser.parse_args()
    find_h2load()
    with tempfile.TemporaryDirectory(prefix="penstock-replicas-") as folder:
        points = measure(Path(folder), given.repeats, given.seconds)
    text = render(points)
    print(text)
    if given.write:
        tables.write_between(given.write, text, MARKERS)
    return 0


def measure(work: Path, repeats: int, seconds: float) -> list[dict[str, Any]]:
    """Returns rate and CPU time per request for one and for two routers on one state, by protocol."""
    model = dense_model(work / "dense")
    calls = {"gRPC": serving_grpc(model, 1), "REST": serving_rest(model, 1)}
    server = planes.server(work, model.folder, "server")
    server.start()
    answers = [ask_once(calls["gRPC"], server.grpc), ask_once(calls["REST"], server.rest)]
    server.stop()
    echo = planes.echo(work, answers[0][5:], answers[1])
    routers = planes.routers(work, echo, 2)
    points: list[dict[str, Any]] = []
    try:
        for plane in (echo, *routers):
            plane.start()
        for router in routers:
            planes.check_arms(router, calls["gRPC"], calls["REST"])
        for _ in range(repeats):
            for protocol, call in calls.items():
                for used in (routers[:1], routers):
                    ports = [router.grpc if protocol == "gRPC" else router.rest for router in used]
                    points.append(
                        {"protocol": protocol, "routers": len(used), **_point(call, ports, used, seconds)}
                    )
    finally:
        for plane in (*routers, echo):
            plane.stop()
    return points


def _point(call: Any, ports: list[int], used: list[planes.Plane], seconds: float) -> dict[str, float]:
    connections, streams = (1, CONCURRENCY) if call.grpc else (CONCURRENCY, 1)
    warm = load(call, ports[0], 10 * CONCURRENCY, connections, streams)
    count = int(max(warm.rate * seconds / len(ports), 20 * CONCURRENCY))
    time.sleep(SETTLE_SECONDS)
    before = sum(cpu_seconds(router.process.pid) for router in used if router.process)
    with ThreadPoolExecutor(len(ports)) as pool:
        began = time.perf_counter()
        list(pool.map(lambda port: load(call, port, count, connections, streams), ports))
        took = time.perf_counter() - began
    time.sleep(SETTLE_SECONDS)
    after = sum(cpu_seconds(router.process.pid) for router in used if router.process)
    requests = count * len(ports)
    return {"rate": requests / took, "cpu": (after - before) * 1e6 / requests}


def render(points: list[dict[str, Any]]) -> str:
    """Returns the table: medians of the repeats."""
    rows = [
        f"{routing_tables.describe(planes.versions())}; medians of {len(points) // 4} repeats, "
        f"{CONCURRENCY} calls in flight at each router.",
        "",
        "| protocol | routers | requests/s | CPU µs a request | a core carries, requests/s |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for protocol in ("gRPC", "REST"):
        for routers in (1, 2):
            found = [p for p in points if p["protocol"] == protocol and p["routers"] == routers]
            rate, cpu = median(p["rate"] for p in found), median(p["cpu"] for p in found)
            rows.append(f"| {protocol} | {routers} | {rate:,.0f} | {cpu:.0f} | {1e6 / cpu:,.0f} |")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
