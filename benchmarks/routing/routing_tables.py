"""The figures as Markdown: one table for each backend and protocol, and the aims beside what was reached."""

from __future__ import annotations

import importlib.metadata
import statistics
from typing import Any

import tables
from planes import AIO, DIRECT, HAPROXY, NGINX, PASSING, ROUTER
from tables import markdown

MARKERS = ("<!-- routing results begin -->", "<!-- routing results end -->")
SERVER, ECHO = "Penstock's server", "echo"
HOP_FREE, AIO_FRONT = "experiments in the server", "the server's former front"
ORDER = (DIRECT, ROUTER, PASSING, HAPROXY, NGINX, AIO, HOP_FREE, AIO_FRONT)
CONCURRENCY = (1, 8, 64)
TITLES = {
    SERVER: "in front of Penstock's server (a small dense model)",
    ECHO: "in front of an echo that costs almost nothing",
}
POINTS = ((1, 1), (1, 8), (1, 64), (16, 8))
Key = tuple[str, str, str, int, int]
"""Backend, protocol, data plane, concurrency, rows."""


def describe(more: str) -> str:
    """Returns date, machine and versions, without host names or paths."""
    ours = [f"{name} {importlib.metadata.version(name)}" for name in ("grpcio", "uvloop", "httptools")]
    return f"{tables.machine()}, {', '.join(ours)}, {more}"


class Medians:
    """The median of every figure over the repeats."""

    def __init__(self, points: list[dict[str, Any]]) -> None:
        self._by: dict[Key, list[dict[str, Any]]] = {}
        for one in points:
            key = (one["backend"], one["protocol"], one["plane"], one["concurrency"], one["rows"])
            self._by.setdefault(key, []).append(one)

    def get(
        self, backend: str, protocol: str, plane: str, concurrency: int, what: str, rows: int = 1
    ) -> float | None:
        """Returns a median; None if it was not measured."""
        entries = self._by.get((backend, protocol, plane, concurrency, rows))
        return statistics.median(entry[what] for entry in entries) if entries else None

    def ratio(
        self,
        first: tuple[str, str, str, int, str],
        second: tuple[str, str, str, int, str],
        *,
        less: bool = False,
        rows: int = 1,
    ) -> float | None:
        """Returns one median over another, or less it."""
        one, other = self.get(*first, rows), self.get(*second, rows)
        if one is None or other is None:
            return None
        return one - other if less else one / other


def render(results: dict[str, Any]) -> str:
    """Returns all tables."""
    medians = Medians(results["points"])
    minutes = results["seconds"] / 60
    parts = [f"{results['machine']}; medians of {results['repeats']} repeats, {minutes:.0f} minutes."]
    for backend in (SERVER, ECHO):
        for protocol in ("gRPC", "REST"):
            rows = _rows(medians, backend, protocol)
            if rows:
                head = [
                    "",
                    "requests/s",
                    "of direct",
                    "p50 ms",
                    "p99 ms",
                    "added p50 ms",
                    "CPU of the plane, µs",
                ]
                head += ["of the backend, µs", "of the client, µs"]
                parts += [f"### {protocol}, {TITLES[backend]}", markdown(head, rows)]
    return "\n\n".join([*parts, "### Against the aims", markdown(["aim", "seen", "reached"], _aims(medians))])


def _rows(medians: Medians, backend: str, protocol: str) -> list[list[str]]:
    made = []
    for rows, concurrency in POINTS:
        for plane in ORDER:
            point = (backend, protocol, plane, concurrency)
            direct = (backend, protocol, DIRECT, concurrency)
            rate = medians.get(*point, "rate", rows)
            if rate is None:
                continue
            share = medians.ratio((*point, "rate"), (*direct, "rate"), rows=rows)
            added = medians.ratio((*point, "p50"), (*direct, "p50"), less=True, rows=rows)
            label = f"{concurrency} at once{f' of {rows} rows' if rows > 1 else ''}, {plane}"
            cells = [label, f"{rate:,.0f}", _number(share, "{:.0%}")]
            cells += [_number(medians.get(*point, what, rows), "{:.2f}") for what in ("p50", "p99")]
            cells.append(_number(added, "{:+.2f}") if plane != DIRECT else "")
            for what in ("plane_us", "backend_us", "client_us"):
                value = medians.get(*point, what, rows)
                cells.append("" if what == "plane_us" and not value else _number(value, "{:.0f}"))
            made.append(cells)
    return made


def _aims(medians: Medians) -> list[list[str]]:
    rows = []
    for protocol in ("gRPC", "REST"):
        for c in CONCURRENCY:
            ours, direct = (SERVER, protocol, ROUTER, c), (SERVER, protocol, DIRECT, c)
            added = medians.ratio((*ours, "p50"), (*direct, "p50"), less=True)
            if c == 1:
                rows.append(
                    _aim(f"router, {protocol}, alone: at most 0.3 ms added at p50", added, 0.3, "{:+.2f} ms")
                )
            share = medians.ratio((*ours, "rate"), (*direct, "rate"))
            rows.append(
                _aim(f"router, {protocol}, {c} at once: at least 85% of direct", share, -0.85, "{:.0%}")
            )
            alone = _one_core(medians, protocol, c)
            rows.append(
                _aim("as CPU: server alone ÷ (server + router), were it one core", alone, -0.85, "{:.0%}")
            )
            cpu = medians.ratio(
                (ECHO, protocol, ROUTER, c, "plane_us"), (ECHO, protocol, HAPROXY, c, "plane_us")
            )
            rows.append(
                _aim(f"router, {protocol}, {c} at once: at most 2× HAProxy's CPU (echo)", cpu, 2, "{:.2f}×")
            )
            passing = medians.ratio(
                (ECHO, protocol, PASSING, c, "plane_us"), (ECHO, protocol, HAPROXY, c, "plane_us")
            )
            rows.append(_aim("the same without an experiment, so without its log", passing, 2, "{:.2f}×"))
            free = medians.ratio((SERVER, protocol, HOP_FREE, c, "rate"), (*direct, "rate"))
            rows.append(
                _aim(
                    f"experiments in the server, {protocol}, {c} at once: at most 5% off",
                    free,
                    -0.95,
                    "{:.0%}",
                )
            )
            if protocol == "gRPC" and c > 1:
                front = medians.ratio((*direct, "rate"), (SERVER, protocol, AIO_FRONT, c, "rate"))
                rows.append(
                    _aim(f"server, gRPC, {c} at once: at least 2× its former front", front, -2, "{:.2f}×")
                )
    return rows


def _one_core(medians: Medians, protocol: str, concurrency: int) -> float | None:
    """Returns the share of direct throughput that is left where server and router share one core, without the client."""
    backend = medians.get(SERVER, protocol, DIRECT, concurrency, "backend_us")
    routed = medians.get(SERVER, protocol, ROUTER, concurrency, "backend_us")
    router = medians.get(SERVER, protocol, ROUTER, concurrency, "plane_us")
    if backend is None or routed is None or router is None:
        return None
    return backend / (routed + router)


def _aim(text: str, seen: float | None, bound: float, shape: str) -> list[str]:
    """Returns a row; a negative bound is a lower one."""
    if seen is None:
        return [text, "–", "–"]
    good = seen >= -bound if bound < 0 else seen <= bound
    return [text, shape.format(seen), "yes" if good else "no"]


def _number(value: float | None, shape: str) -> str:
    return "–" if value is None else shape.format(value)
