"""``penstock plan`` and ``penstock run``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import AsJson, Files, Overrides, open_session
from pipeline.cli.screen import say, say_json, seconds, table

Start = Annotated[str | None, typer.Option("--from", help="Rerun this node and everything downstream.")]
End = Annotated[str | None, typer.Option("--to", help="Stop after this node.")]
Only = Annotated[str | None, typer.Option("--only", help="Rerun only this node.")]
Force = Annotated[bool, typer.Option("--force", help="Rerun every node.")]
Beam = Annotated[
    str | None, typer.Option("--beam", help="Engine of all Beam steps, short for --set run.beam=ENGINE.")
]
Against = Annotated[
    Path | None,
    typer.Option("--bundle", help="Say only what differs from this bundle, and which nodes run for it."),
]


def register(app: typer.Typer) -> None:
    """Registers the commands."""
    app.command()(plan)
    app.command()(run)


def plan(
    file: Files = None,
    set_: Overrides = None,
    start: Start = None,
    end: End = None,
    only: Only = None,
    force: Force = False,
    beam: Beam = None,
    bundle: Against = None,
    as_json: AsJson = False,
) -> None:
    """Show what a run would do, node by node, and why, and what would stop it. Nothing is run or written."""
    if bundle is not None:
        _compare(bundle, file, _with_engine(set_, beam), as_json)
        return
    from pipeline.cli.progress import suspicions
    from pipeline.plan import Selection
    from pipeline.preflight import refuse

    session = open_session(file, _with_engine(set_, beam))
    decided = session.plan(Selection(start, end, only, force))
    if as_json:
        refuse(session.review(decided).remarks)
        keys = ("action", "reason", "seconds", "execution", "note")
        say_json([{"node": n.node.id, **{k: getattr(n, k) for k in keys}} for n in decided.nodes])
        return
    shown = [n for n in decided.nodes if n.action != "resolve"]
    times = [seconds(n.seconds) if n.action == "run" else "" for n in shown]
    table(
        ("node", "action", "time", "why"),
        ((n.node.id, n.action, t, n.reason) for n, t in zip(shown, times, strict=True)),
    )
    say()
    for note in decided.notes:
        say(f"Note: {note}.")
    reviewed = session.review(decided)
    for line in (*session.costs(decided), *suspicions(reviewed)):
        say(line)
    if reviewed.skipped:
        say(f"Note: the documents were not looked at: {reviewed.skipped}.")
    refuse(reviewed.remarks)
    say(_total(decided.seconds, len(decided.to_run)))


def _compare(bundle: Path, file: list[Path] | None, overrides: list[str], as_json: bool) -> None:
    from pipeline.bundle.difference import difference
    from pipeline.bundle.reading import open_bundle
    from pipeline.document.loader import load

    found = difference(load(file or [Path("pipeline.yaml")], overrides), open_bundle(bundle))
    if as_json:
        say_json(found.as_json())
        return
    for sentence in found.sentences():
        say(sentence)


def _with_engine(overrides: list[str] | None, beam: str | None) -> list[str]:
    return [*(overrides or ()), *([f"run.beam={beam}"] if beam else ())]


def _total(estimate: float | None, count: int) -> str:
    if count == 0:
        return "Nothing to do: nothing has changed."
    if estimate is None:
        return f"{count} nodes to run; no estimate, as some have never run here."
    return f"{count} nodes to run, about {seconds(estimate)} one after the other."


def run(
    file: Files = None,
    set_: Overrides = None,
    start: Start = None,
    end: End = None,
    only: Only = None,
    force: Force = False,
    beam: Beam = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only the last line.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run the pipeline from the export to the pushed model; unchanged nodes are not rerun."""
    from pipeline.cli.progress import progress_for
    from pipeline.lineage.store import require_mlmd
    from pipeline.plan import Selection
    from pipeline.runners.base import RunFailedError

    require_mlmd()
    session = open_session(file, _with_engine(set_, beam))
    try:
        with progress_for(session, quiet or as_json) as listener:
            record = session.run(Selection(start, end, only, force), listener)
    except RunFailedError:
        from pipeline.runs.finish import report_failure

        report_failure(session)
        raise
    from pipeline.runs.finish import finish  # the listener has loaded it while the nodes were at work

    lines = finish(session, record)
    if as_json:
        list(lines)
        say_json({**record.as_json(), "seconds": record.seconds})
        return
    for line in list(lines)[-1:] if quiet else lines:
        say(line)
        sys.stdout.flush()  # through a pipe, too, the verdict is read before the report is written
