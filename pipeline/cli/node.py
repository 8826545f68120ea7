"""``penstock node``: one node of a bundle in this process, for schedulers."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pipeline.task.request import Request


def register(app: typer.Typer) -> None:
    """Registers the command."""
    app.command()(node)


def node(
    ir: Annotated[Path, typer.Option("--ir", resolve_path=True, help="The bundle, or pipeline.json in it.")],
    node_id: Annotated[str, typer.Option("--node", help="The node to run.")],
    run_id: Annotated[str, typer.Option("--run-id", help="The scheduler's id of the run; any text.")],
    span: Annotated[int | None, typer.Option("--span", help="Span of the export.")] = None,
    logical_date: Annotated[
        str | None,
        typer.Option("--logical-date", help="Date of the run, ISO 8601, where it has no interval."),
    ] = None,
    interval_end: Annotated[
        str | None,
        typer.Option("--interval-end", help="End of the run's interval, ISO 8601: gives the span."),
    ] = None,
    home: Annotated[
        Path,
        typer.Option("--home", envvar="PENSTOCK_HOME", help="Folder that relative paths of data start from."),
    ] = Path(),
    root: Annotated[
        str | None,
        typer.Option("--root", envvar="PENSTOCK_ROOT", help="The pipeline root in place of the document's."),
    ] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Override one value of the run.")] = None,
    attempt: Annotated[int, typer.Option("--attempt", help="Which try of the scheduler's it is.")] = 0,
    again: Annotated[bool, typer.Option("--again", help="Run it anew although it is done.")] = False,
    again_after: Annotated[
        int | None,
        typer.Option(
            "--again-after", min=0, help="Run it anew if it was done by this try or an earlier one."
        ),
    ] = None,
    wait: Annotated[
        float,
        typer.Option(
            "--wait", min=0, help="Seconds to wait for another process that is at work on the node."
        ),
    ] = 0.0,
) -> int:
    """Run one node of a run. The last line of the output is JSON; exit code 75 says that it may be tried again."""
    began = _began()
    from pipeline.task.main import run

    def request() -> Request:
        from pipeline.task.dates import span_of
        from pipeline.task.request import Request

        found = span_of(ir, span, interval_end or logical_date)
        return Request(
            ir, node_id, run_id, home, root, found, tuple(set_ or ()), attempt, again, again_after, wait
        )

    return run(request, ir, run_id, node_id, began)


def _began() -> float:
    """Returns when this process was started, on ``time.monotonic``, ``proc_pid_stat(5)``."""
    import os

    ticks = int(Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2].split()[19])
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    return time.monotonic() - age
