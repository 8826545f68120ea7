"""The results as Markdown, and into the documentation between its markers."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

from local_speed.sides import METRICS, SHORT_COMMANDS, SideResult

from foundation.errors import SpecError
from foundation.publish import write_text

Repeats = Sequence[dict[str, SideResult]]

SAME_WORK = (
    ("CsvExampleGen", "MongoExampleGen"),
    ("StatisticsGen", "StatisticsGen"),
    ("SchemaGen", "SchemaInferrer"),
    ("ExampleValidator", "ExampleValidator"),
    ("", "ValidationGate"),
    ("Transform", "Transform"),
    ("Trainer", "Trainer"),
    ("Resolver", "BaselineModel"),
    ("Evaluator", "Evaluator"),
    ("", "EvaluationGate"),
    ("Pusher", "Pusher"),
)
"""Stock's node and Penstock's that does the same; empty where stock has none."""

GIGABYTE = 2**30


def render(repeats: Repeats, rows: int, steps: int, machine: str) -> str:
    """Returns everything about one size.

    Args:
        repeats: Side → result, a repeat each.
        rows: Documents.
        steps: Training steps.
        machine: Date, machine and versions.
    """
    count = f"{len(repeats)} repeats, median (smallest – largest)" if len(repeats) > 1 else "1 repeat"
    head = f"{rows:,} rows, {steps:,} training steps; {count}. {machine}."
    return "\n\n".join([head, _main_table(repeats), _short_table(repeats), _node_table(repeats)])


def _main_table(repeats: Repeats) -> str:
    rows = [
        _compared("export to pushed model, wall", repeats, lambda r: r.first.wall, "{:.1f} s"),
        _compared("— CPU, all processes", repeats, lambda r: r.first.cpu, "{:.1f} s"),
        _compared("— memory at the peak", repeats, lambda r: r.first.peak / GIGABYTE, "{:.2f} GB"),
        _compared("unchanged second run, wall", repeats, lambda r: r.again.wall, "{:.1f} s"),
        _compared("— CPU, all processes", repeats, lambda r: r.again.cpu, "{:.1f} s"),
    ]
    rows.append(_plain("AUC on the same held-out rows", repeats, lambda r: r.held_out["auc"], "{:.4f}"))
    rows.append(_plain("— its standard error", repeats, lambda r: r.held_out["standard_error"], "{:.4f}"))
    for name in METRICS:
        rows.append(
            _plain(f"{name} on its own test split", repeats, lambda r, n=name: r.metrics[n], "{:.4f}")
        )
    rows.append(_plain("rows of its own test split", repeats, lambda r: r.metrics["rows"], "{:,.0f}"))
    return markdown(("", "stock TFX", "Penstock", "Penstock ÷ stock"), rows)


def _short_table(repeats: Repeats) -> str:
    sides = [r["penstock"] for r in repeats]
    rows = [
        (f"`penstock {name}`", spread([s.short[name].wall for s in sides], "{:.2f} s"))
        for name in SHORT_COMMANDS
    ]
    rows.append(("`penstock run`, nothing changed", spread([s.again.wall for s in sides], "{:.2f} s")))
    rows.append(("— did a node run?", _yes_no(any(s.ran_again for s in sides))))
    rows.append(("— was TensorFlow imported?", _yes_no(any(s.imported_tensorflow for s in sides))))
    return markdown(("command", "wall"), rows)


def _yes_no(value: bool) -> str:
    return "yes" if value else "no"


def _node_table(repeats: Repeats) -> str:
    rows = []
    for stock, ours in SAME_WORK:
        theirs = [r["stock"].nodes[stock] for r in repeats] if stock else []
        own = [r["penstock"].nodes[ours] for r in repeats]
        name = stock if stock == ours else " / ".join(filter(None, (stock, ours)))
        rows.append((name, spread(theirs, "{:.1f} s") if theirs else "–", spread(own, "{:.1f} s")))
    outside = [r["stock"].first.wall - sum(r["stock"].nodes.values()) for r in repeats]
    rows.append(("outside of nodes: imports, compiling, wheels", spread(outside, "{:.1f} s"), "–"))
    return markdown(("node (stock / Penstock)", "stock TFX", "Penstock"), rows)


def _compared(
    name: str, repeats: Repeats, value: Callable[[SideResult], float], shape: str
) -> tuple[str, str, str, str]:
    stock, ours = ([value(r[side]) for r in repeats] for side in ("stock", "penstock"))
    return name, spread(stock, shape), spread(ours, shape), ratio_of(stock, ours)


def _plain(
    name: str, repeats: Repeats, value: Callable[[SideResult], float], shape: str
) -> tuple[str, str, str, str]:
    return (*_compared(name, repeats, value, shape)[:3], "")


def ratio_of(stock: Sequence[float], ours: Sequence[float]) -> str:
    """Returns the median of the repeats' own ratios: both sides of a repeat ran at the same speed of the machine."""
    return f"{statistics.median(b / a for a, b in zip(stock, ours, strict=True)):.2f}×"


def spread(values: Sequence[float], shape: str) -> str:
    """Returns the median, with smallest and largest where there are several values."""
    middle = shape.format(statistics.median(values))
    if len(values) == 1:
        return middle
    number = shape.partition("}")[0] + "}"
    return f"{middle} ({number.format(min(values))} – {number.format(max(values))})"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a Markdown table, the first column to the left, the others to the right."""
    marks = ["---", *("---:" for _ in head[1:])]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, marks, *rows])


def markers(rows: int | str) -> tuple[str, str]:
    """Returns the two marker lines around the results of a size or topic in the documentation."""
    return f"<!-- results {rows} begin -->", f"<!-- results {rows} end -->"


def check_markers(path: Path, rows: int | str) -> None:
    """Refuses a file into which the results of a size cannot be written, before anything is measured.

    Raises:
        SpecError: The file or its markers are not there.
    """
    begin, end = markers(rows)
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if not 0 <= text.find(begin) < text.find(end):
        raise SpecError(
            str(path), expected=f"the lines {begin} and {end}", remedy="leave --write out, or add them"
        )


def write_between(path: Path, rows: int | str, results: str) -> None:
    """Replaces what is between the markers of a size with results."""
    check_markers(path, rows)
    begin, end = markers(rows)
    text = path.read_text(encoding="utf-8")
    before, after = text.partition(begin)[0], text.partition(end)[2]
    write_text(path, f"{before}{begin}\n{results}\n{end}{after}")
