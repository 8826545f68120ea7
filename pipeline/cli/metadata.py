"""``penstock metadata``: the tables of the ML Metadata store."""

from __future__ import annotations

import typer

from pipeline.cli.options import Files, Overrides, open_session
from pipeline.cli.screen import say

app = typer.Typer(
    help="The ML Metadata store of a pipeline: create its tables, check them, bring them to this version.",
    no_args_is_help=True,
)


@app.command()
def init(file: Files = None, set_: Overrides = None) -> None:
    """Create the tables, and the database where the user may; existing ones stay as they are."""
    from pipeline.lineage.tables import create

    session = open_session(file, set_)
    made = create(session.loaded.spec.metadata, session.root)
    say("tables created" if made else "the tables are there")


@app.command()
def check(file: Files = None, set_: Overrides = None) -> None:
    """Check that the store answers and has tables of this version; change nothing."""
    from pipeline.lineage.tables import check

    session = open_session(file, set_)
    found = check(session.loaded.spec.metadata, session.root)
    say(
        f"tables of version {found.version}, {found.executions:,} executions, "
        f"answers in {found.seconds * 1000:,.0f} ms"
    )


@app.command()
def upgrade(file: Files = None, set_: Overrides = None) -> None:
    """Bring tables of an earlier version to this one. Back the database up first; nothing may write meanwhile."""
    from pipeline.lineage.tables import upgrade

    session = open_session(file, set_)
    upgrade(session.loaded.spec.metadata, session.root)
    say("the tables have this version")
