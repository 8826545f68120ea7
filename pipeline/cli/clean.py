"""``penstock clean``: removes superseded artifacts and leftovers; a dry run unless ``--yes`` is given."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import Files, open_session
from pipeline.cli.screen import say, table


def register(app: typer.Typer) -> None:
    """Registers the command."""
    app.command()(clean)


def clean(
    file: Files = None,
    keep_runs: Annotated[
        int, typer.Option(min=1, help="Keep the artifacts of this many of the newest runs.")
    ] = 3,
    yes: Annotated[
        bool, typer.Option("--yes", help="Remove; without it, only show what would be removed.")
    ] = False,
) -> None:
    """Remove artifacts and searches that no recent run and no blessed or served model needs. A dry run without --yes.

    Also what killed processes left: temporary files with documents, expired quarantine files, abandoned exports; and
    the zygote that runs are forked from ends.
    """
    from pipeline.runners.base import runner_for
    from pipeline.runs import leftovers
    from pipeline.runs.cleaning import candidates, kept_spans, remove, remove_folders, unused_searches
    from pipeline.runs.lock import held

    session = open_session(file)
    for one in runner_for(session.loaded.spec.run.orchestrator).standing():
        say(f"zygote: {one}, {one.end() if yes else 'would be ended'}")
    with held(session.root, "clean"):
        found = candidates(session.lineage(), session.root, keep_runs)
        table(
            ("node", "artifact", "size", "uri"),
            ((c.node, c.artifact.id, _size(c.bytes), c.artifact.uri) for c in found),
        )
        total = _size(sum(c.bytes for c in found))
        searches = unused_searches(session.lineage(), session.root, keep_runs, found)
        if yes:
            remove(found, session.loaded.spec.metadata, session.root)
        spans = kept_spans(session.root)
        shown = _also("kept spans", spans) + _also("searches", searches)
        left = leftovers.found(session.loaded, session.root)
        shown += f", and {len(left)} leftovers of interrupted processes" if left else ""
        for path in left:
            say(f"leftover: {path}")
        if yes:
            remove_folders([*spans, *searches])
            expired = leftovers.remove(session.loaded, session.root)
            shown += f", and {expired} expired quarantine files" if expired else ""
            say(f"Removed {len(found)} artifacts, {total}{shown}.")
        else:
            say(f"{len(found)} artifacts, {total}{shown}, would be removed; --yes removes them.")


def _also(what: str, folders: list[Path]) -> str:
    from pipeline.runs.cleaning import size_of

    return f", and {len(folders)} {what}, {_size(sum(map(size_of, folders)))}" if folders else ""


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB"
