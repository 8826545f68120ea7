"""Progress of a run on the screen: a live table on a terminal, one line per node elsewhere."""

from __future__ import annotations

import contextlib
import importlib
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from pipeline.cli.screen import say, seconds
from pipeline.runs.listener import RunListener

if TYPE_CHECKING:
    from pipeline.plan import Plan
    from pipeline.preflight.remarks import Review
    from pipeline.runners.base import Event
    from pipeline.runs.book import RunRecord
    from pipeline.runs.session import Session

MARKS = {"running": "…", "done": "✓", "cached": "=", "failed": "✗", "planned": "·", "skip": "-"}
WITHHELD = "○"
"""Mark of a node that ended well without doing its work, such as a push of a model that is not blessed."""
_AT_THE_END = ("pipeline.runs.finish", "pipeline.report", "jinja2")
"""What tells the results of a run."""
SECONDS_BETWEEN_LINES = 10.0
"""Where every line stays, a node that takes long tells no more often how far it is."""


class LineProgress(RunListener):
    """Plain output for logs and pipes: one line when a node ends, and now and then one of a node that takes long."""

    def __init__(self) -> None:
        self._told = time.monotonic()

    def reviewed(self, review: Review) -> None:
        """Prints what a person should know before the run."""
        for line in suspicions(review):
            say(line)

    def planned(self, plan: Plan, closed: list[str], record: RunRecord) -> None:
        """Prints what an interrupted run left behind, and how much there is to do."""
        _say_now(opening(plan, closed, record))
        if plan.to_run:
            _load_ahead(*_AT_THE_END)

    def happened(self, event: Event) -> None:
        """Prints a line for a node that ended, or has been at work for long."""
        now = time.monotonic()
        if event.progress and now - self._told >= SECONDS_BETWEEN_LINES:
            self._told = now
            say(f"{MARKS['running']} {event.node:<21} {event.how_far}")
            sys.stdout.flush()
        if event.node and event.state in ("done", "failed"):
            mark = WITHHELD if event.withheld else MARKS[event.state]
            say(f"{mark} {event.node:<21} {seconds(event.seconds):>8}  {event.remark}".rstrip())
            sys.stdout.flush()


def suspicions(review: Review) -> list[str]:
    """Returns what a preflight found that does not stop a run."""
    return [f"Warning: {remark}" for remark in review.remarks if not remark.certain]


def _load_ahead(*modules: str) -> None:
    """Loads modules beside the start of the workers, for which this process only waits."""
    threading.Thread(target=lambda: [*map(importlib.import_module, modules)], daemon=True).start()


def _say_now(lines: Iterable[str]) -> None:
    for line in lines:
        say(line)
    sys.stdout.flush()


def opening(plan: Plan, closed: list[str], record: RunRecord) -> list[str]:
    """Returns the first lines of a run."""
    lines = (
        [f"An interrupted run left {', '.join(closed)} open: closed, partial results removed."]
        if closed
        else []
    )
    if plan.to_run:
        cached = sum(1 for n in plan.nodes if n.action == "cached")
        estimate = (
            f", about {seconds(plan.seconds)} judging by earlier runs" if plan.seconds is not None else ""
        )
        lines.append(f"Run {record.id}: {len(plan.to_run)} nodes to run, {cached} cached{estimate}.")
    return lines


class LiveProgress(RunListener):
    """A table redrawn in place: state, time, and the time left judging by earlier runs.

    It begins with the first event, as what draws it takes a tenth of a second to import. That is done beside the start of
    the workers, and not at all where nothing runs.

    Args:
        console: Rich's console; by default standard output.
    """

    def __init__(self, console: Any = None) -> None:
        self._console = console
        self._live: Any = None
        self._rows: dict[str, tuple[str, float, float | None]] = {}
        self._rates: dict[str, str] = {}
        self._withheld: set[str] = set()

    def reviewed(self, review: Review) -> None:
        """Prints what a person should know before the run, above the table."""
        _say_now(suspicions(review))

    def planned(self, plan: Plan, closed: list[str], record: RunRecord) -> None:
        """Prepares the table of everything that will run."""
        _say_now(opening(plan, closed, record))
        if plan.to_run:
            _load_ahead("rich.live", *_AT_THE_END)
        self._rows = {
            n.node.id: ("planned", 0.0, n.seconds) for n in plan.nodes if n.action in ("run", "cached")
        }

    def happened(self, event: Event) -> None:
        """Redraws a node's row."""
        if event.node not in self._rows:
            return
        self._begin()
        if event.progress:
            self._rates[event.node] = event.how_far
            return
        expected = self._rows[event.node][2]
        value = time.monotonic() if event.state == "running" else event.seconds
        self._rows[event.node] = (event.state, value, expected)
        self._rates[event.node] = event.remark
        if event.withheld:
            self._withheld.add(event.node)

    def _begin(self) -> None:
        if self._live is None:
            from rich.live import Live

            self._live = Live(self, console=self._console, refresh_per_second=4)
            self._live.start()

    def end(self) -> None:
        """Draws the table for the last time."""
        if self._live is not None:
            self._live.stop()

    def __rich__(self) -> Any:
        """Returns the table in its current state."""
        from rich.table import Table

        grid = Table.grid(padding=(0, 2))
        for node, (state, value, expected) in self._rows.items():
            spent = time.monotonic() - value if state == "running" else value
            remark = self._rates.get(node, "")
            if state == "running" and expected:
                left = f"about {seconds(max(0.0, expected - spent))} left"
                remark = "; ".join(filter(None, (remark, left)))
            style = {"running": "bold cyan", "done": "green", "failed": "bold red", "cached": "dim"}.get(
                state, "dim"
            )
            mark = MARKS[state]
            if node in self._withheld:
                mark, style = WITHHELD, "yellow"
            grid.add_row(mark, node, seconds(spent) if state != "planned" else "", remark, style=style)
        return grid


@contextlib.contextmanager
def progress_for(session: Session, quiet: bool) -> Iterator[RunListener]:
    """Yields the listener that fits the screen."""
    if quiet:
        yield RunListener()
    elif not sys.stdout.isatty():
        yield LineProgress()
    else:
        listener = LiveProgress()
        try:
            yield listener
        finally:
            listener.end()
