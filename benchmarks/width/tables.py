"""The results of the benchmark of width as Markdown: a table for each width, and what a further feature costs."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from local_speed.measure import Measured
from local_speed.tables import markdown, ratio_of, spread

MEBIBYTE = 2**20
GIGABYTE = 2**30
SIDES = ("before", "now")


@dataclass(frozen=True)
class Node:
    """What one node took: seconds of wall time and of CPU."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Result:
    """What one first run took, and its model.

    Attributes:
        run: The whole run.
        nodes: Node → what it took, in order.
        model_bytes: All files of the SavedModel.
        model_pb: Its ``saved_model.pb``.
        graph_pb: The ``saved_model.pb`` of Transform's graph.
        served: What ``served.py`` tells.
    """

    run: Measured
    nodes: Mapping[str, Node]
    model_bytes: int
    model_pb: int
    graph_pb: int
    served: Mapping[str, float] = field(default_factory=dict)


Repeats = Sequence[Mapping[str, Result]]
"""Side → result, a repeat each."""
Value = Callable[[Result], float | None]

MODEL_ROWS: tuple[tuple[str, Value, str], ...] = (
    ("SavedModel on disk", lambda r: r.model_bytes / MEBIBYTE, "{:.2f} MiB"),
    ("— its `saved_model.pb`", lambda r: r.model_pb / MEBIBYTE, "{:.2f} MiB"),
    ("`saved_model.pb` of Transform", lambda r: r.graph_pb / MEBIBYTE, "{:.2f} MiB"),
    ("SavedModel, loaded by TensorFlow", lambda r: r.served.get("load"), "{:.2f} s"),
    ("— CPU", lambda r: r.served.get("load_cpu"), "{:.2f} s"),
    ("loaded by the server, warm-up included", lambda r: r.served.get("server_load"), "{:.2f} s"),
    ("— first calls of both signatures after it", lambda r: r.served.get("first_calls"), "{:.2f} s"),
    ("— CPU of both", lambda r: r.served.get("server_cpu"), "{:.1f} s"),
    ("growth of the server, PSS", lambda r: _mebibytes(r, "pss"), "{:.0f} MiB"),
    ("— RSS", lambda r: _mebibytes(r, "rss"), "{:.0f} MiB"),
    ("— without mapped files", lambda r: _mebibytes(r, "anonymous"), "{:.0f} MiB"),
)


def _mebibytes(result: Result, name: str) -> float | None:
    return result.served[name] / MEBIBYTE if name in result.served else None


def render(results: Mapping[int, Repeats], documents: int, machine: str) -> str:
    """Returns a table of each width, then one of what a feature costs between two widths.

    Args:
        results: Number of features → repeats.
        documents: Documents of each run.
        machine: Date, machine and versions.
    """
    count = max(map(len, results.values()))
    told = f"{count} repeats, median (smallest – largest)" if count > 1 else "1 repeat"
    parts = [f"{documents:,} documents; {told}. {machine}."]
    parts += [f"{width:,} features:\n\n{_of_width(repeats)}" for width, repeats in results.items()]
    if len(results) > 1:
        parts.append(f"CPU seconds for a hundred features more, now:\n\n{_slopes(results)}")
    return "\n\n".join(parts)


def _of_width(repeats: Repeats) -> str:
    sides = [side for side in SIDES if side in repeats[0]]
    rows: list[tuple[str, Value, str]] = [
        ("first run, CPU", lambda r: r.run.cpu, "{:.0f} s"),
        ("— wall", lambda r: r.run.wall, "{:.0f} s"),
        ("— memory at the peak", lambda r: r.run.peak / GIGABYTE, "{:.2f} GB"),
    ]
    for node in dict.fromkeys(name for repeat in repeats for side in repeat.values() for name in side.nodes):
        rows.append((f"{node}, CPU", lambda r, n=node: _of_node(r, n, "cpu"), "{:.1f} s"))  # type: ignore[misc]
        rows.append(("— wall", lambda r, n=node: _of_node(r, n, "wall"), "{:.1f} s"))  # type: ignore[misc]
    cells = [_row(repeats, sides, *row) for row in (*rows, *MODEL_ROWS)]
    return markdown(("", *sides, *(["now ÷ before"] if len(sides) > 1 else [])), cells)


def _of_node(result: Result, node: str, what: str) -> float | None:
    return float(getattr(result.nodes[node], what)) if node in result.nodes else None


def _row(repeats: Repeats, sides: Sequence[str], label: str, value: Value, shape: str) -> tuple[str, ...]:
    found = [[one for repeat in repeats if (one := value(repeat[side])) is not None] for side in sides]
    shown = [spread(values, shape) if values else "–" for values in found]
    if len(sides) == 1:
        return (label, *shown)
    complete = all(len(values) == len(repeats) and all(values) for values in found)
    return (label, *shown, ratio_of(*found) if complete else "")


def _slopes(results: Mapping[int, Repeats]) -> str:
    """Returns what further features cost between each two widths: of a cost that is linear, the same everywhere."""
    widths = sorted(results)
    steps = list(itertools.pairwise(widths))
    names = dict.fromkeys(name for width in widths for name in results[width][0]["now"].nodes)
    lines: list[tuple[str, Value]] = [("first run", lambda r: r.run.cpu)]
    lines += [(name, lambda r, n=name: _of_node(r, n, "cpu")) for name in names]  # type: ignore[misc]
    rows = []
    for label, value in lines:
        middle = {width: _median(results[width], value) for width in widths}
        cells = []
        for narrow, wide in steps:
            one, other = middle[narrow], middle[wide]
            known = one is not None and other is not None
            cells.append(f"{100 * (other - one) / (wide - narrow):.2f} s" if known else "–")  # type: ignore[operator]
        rows.append((label, *cells))
    return markdown(("", *(f"{narrow:,} to {wide:,}" for narrow, wide in steps)), rows)


def _median(repeats: Repeats, value: Value) -> float | None:
    found = [one for repeat in repeats if (one := value(repeat["now"])) is not None]
    return statistics.median(found) if found else None
