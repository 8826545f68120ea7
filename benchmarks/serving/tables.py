"""The figures as Markdown: one table per model and protocol, and the points that are lost."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import re
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from foundation.errors import DataError
from foundation.publish import write_text

BEGIN, END = "<!-- serving results begin -->", "<!-- serving results end -->"
OURS = ("Penstock", "Penstock, batching")
PEERS = ("FastAPI", "plain grpcio", "BentoML", "MLServer")
ECHO = "empty echo"
FORMER, FORMER_ECHO = "Penstock, grpc.aio", "empty echo, grpc.aio"
FLOOR_AIM = 1.3
PACKAGES = ("tensorflow", "grpcio", "uvloop", "httptools")
Point = tuple[str, str, int, int]
"""Model, protocol, rows, concurrency."""


def describe(venvs: Path) -> str:
    """Returns date, machine and versions, without host names or paths."""
    ours = [f"{name} {importlib.metadata.version(name)}" for name in PACKAGES]
    for peer, names in (
        ("fastapi", ("fastapi", "uvicorn")),
        ("bentoml", ("bentoml",)),
        ("mlserver", ("mlserver",)),
    ):
        pins = Path(__file__).parent.joinpath("competitors", f"{peer}.txt").read_text()
        ours += [
            " ".join(found.groups()) for name in names if (found := re.search(rf"(?m)^({name})==(\S+)", pins))
        ]
    return f"{machine()}, {', '.join(ours)}"


def machine() -> str:
    """Returns date, processor, cores, memory and Python's version."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    processor = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    today = datetime.datetime.now(datetime.UTC).date()
    cores = len(os.sched_getaffinity(0))
    return f"{today}; {processor or platform.machine()}, {cores} cores, {memory:.0f} GB; Python {platform.python_version()}"


class Figures:
    """Repeats of every point, by server."""

    def __init__(self, points: Iterable[dict[str, Any]]) -> None:
        self._by: dict[Point, dict[str, list[dict[str, Any]]]] = {}
        for entry in points:
            key = (entry["model"], entry["protocol"], entry["rows"], entry["concurrency"])
            self._by.setdefault(key, {}).setdefault(entry["server"], []).append(entry)

    def points(self) -> list[Point]:
        """Returns every measured point, in order of measurement."""
        return list(self._by)

    def median(self, point: Point, server: str, what: str) -> float | None:
        """Returns the median of a server's repeats; None if it does not speak the protocol."""
        entries = self._by[point].get(server)
        return statistics.median(e[what] for e in entries) if entries else None

    def best_of(self, point: Point, names: Iterable[str], what: str) -> tuple[float, str] | None:
        """Returns the best of several servers: the highest rate, or the lowest time."""
        found = [(value, n) for n in names if (value := self.median(point, n, what)) is not None]
        return (max if what == "rate" else min)(found) if found else None


def render(results: dict[str, Any]) -> str:
    """Returns all tables."""
    figures = Figures(results.get("points", []))
    parts = [
        f"{results['machine']}; medians of {results['repeats']} repeats, {results['seconds'] / 60:.0f} minutes."
    ]
    groups = dict.fromkeys((point[0], point[1]) for point in figures.points())
    for model, protocol in groups:
        points = [p for p in figures.points() if p[:2] == (model, protocol)]
        parts += [f"### {model}, {protocol}", _rates(figures, points), _times(figures, points)]
    parts += ["### Against the floor", _floor(figures, results.get("callable", {}))]
    parts += ["### Start and memory", _start(results), "### Verdict", *_verdict(figures)]
    return "\n\n".join(parts)


def _rates(figures: Figures, points: list[Point]) -> str:
    shown = _present(figures, points)
    head = ["requests/s", *shown, "ours ÷ best other"]
    former = FORMER in shown
    rows = []
    for p in points:
        best, other = figures.best_of(p, OURS, "rate"), figures.best_of(p, PEERS, "rate")
        cells = [_number(figures.median(p, n, "rate"), "{:,.0f}") for n in shown]
        cells.append(f"{best[0] / other[0]:.2f}×" if best and other else "")
        if former:
            own, by_aio = figures.median(p, OURS[0], "rate"), figures.median(p, FORMER, "rate")
            cells.append(f"{own / by_aio:.2f}×" if own and by_aio else "")
        rows.append([_label(p), *cells])
    return markdown([*head, "ours ÷ ours on grpc.aio"] if former else head, rows)


def _times(figures: Figures, points: list[Point]) -> str:
    shown = _present(figures, points)
    rows = []
    for p in points:
        cells = [
            f"{_number(figures.median(p, n, 'p50'), '{:.2f}')} / {_number(figures.median(p, n, 'p99'), '{:.2f}')}"
            for n in shown
        ]
        rows.append([_label(p), *cells])
    return markdown(["p50 / p99 in ms", *shown], rows)


def _floor(figures: Figures, callables: dict[str, dict[str, float]]) -> str:
    rows, near = [], {ECHO: [0, 0], FORMER_ECHO: [0, 0]}
    for p in figures.points():
        for name, seen in near.items():
            echo, ours = figures.median(p, name, "p50"), figures.median(p, OURS[0], "p50")
            bare = callables.get(p[0], {}).get(str(p[2]))
            if p[3] != 1 or echo is None or ours is None or bare is None:
                continue
            ratio = ours * 1000 / (echo * 1000 + bare)
            seen[0] += ratio <= FLOOR_AIM
            seen[1] += 1
            cells = [f"{echo * 1000:.0f}", f"{bare:.0f}", f"{ours * 1000:.0f}", f"{ratio:.2f}×"]
            rows.append([f"{p[0]}, {p[1]}, batch {p[2]}, {name}", *cells])
    head = ["concurrency 1, µs", "echo", "bare callable", "Penstock, p50", "Penstock ÷ (echo + callable)"]
    within = "; ".join(f"{good} of {count} points by {name}" for name, (good, count) in near.items() if count)
    return f"{markdown(head, rows)}\n\nWithin the {FLOOR_AIM}× that was aimed at: {within}."


def _start(results: dict[str, Any]) -> str:
    rows = []
    for model, ready in results.get("ready", {}).items():
        for server, seconds in ready.items():
            before = results["memory at start"][model][server]
            after = results.get("memory", {}).get(model, {}).get(server)
            rows.append([f"{server}, {model}", f"{seconds:.1f}", f"{before:.0f}", _number(after, "{:.0f}")])
    return markdown(["", "seconds to the first answer", "MiB then", "MiB after the load"], rows)


def _verdict(figures: Figures) -> list[str]:
    lost, short, won = [], [], 0
    for p in figures.points():
        name = f"{p[0]}, {p[1]}, {_label(p)}"
        for what in ("rate", "p50", "p99"):
            other = figures.best_of(p, PEERS, what)
            ours = figures.best_of(p, OURS, what)
            if other is None or ours is None:
                continue
            ratio = ours[0] / other[0] if what == "rate" else other[0] / ours[0]
            won += ratio >= 1
            if ratio < 1:
                lost.append(f"- {name}: {what} {ours[0]:,.2f} against {other[0]:,.2f} of {other[1]}")
            elif what == "rate" and p[3] == 64 and ratio < 2:
                short.append(f"- {name}: {ratio:.2f}× of {other[1]}")
    parts = [
        f"Ahead of the best other server in {won} of {won + len(lost)} figures (rate, p50 and p99 of every point)."
    ]
    if lost:
        parts += ["Lost:", "\n".join(lost)]
    if short:
        parts += ["At concurrency 64 ahead, but by less than the 2× that was aimed at:", "\n".join(short)]
    return parts


def _present(figures: Figures, points: list[Point]) -> list[str]:
    return [
        n
        for n in (*OURS, FORMER, *PEERS, ECHO, FORMER_ECHO)
        if any(figures.median(p, n, "rate") is not None for p in points)
    ]


def _label(point: Point) -> str:
    return f"batch {point[2]}, concurrency {point[3]}"


def _number(value: float | None, shape: str) -> str:
    return "–" if value is None else shape.format(value)


def markdown(head: list[str], rows: list[list[str]]) -> str:
    """Returns a table with every column but the first right-aligned."""
    marks = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, marks, *rows])


def check_markers(path: Path, markers: tuple[str, str] = (BEGIN, END)) -> None:
    """Refuses a file without markers for the tables.

    Raises:
        DataError: The markers are missing.
    """
    begin, end = markers
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if not 0 <= text.find(begin) < text.find(end):
        raise DataError(str(path), expected=f"the lines {begin} and {end}", seen="not both, in this order")


def write_between(path: Path, text: str, markers: tuple[str, str] = (BEGIN, END)) -> None:
    """Puts the tables between the markers of a file."""
    begin, end = markers
    check_markers(path, markers)
    before, _, rest = path.read_text(encoding="utf-8").partition(begin)
    write_text(path, f"{before}{begin}\n\n{text}\n\n{end}{rest.partition(end)[2]}")
