"""``penstock schema``: the data schema from inferred to reviewed."""

from __future__ import annotations

import typer

from pipeline.cli.options import Files, open_session
from pipeline.cli.screen import say

app = typer.Typer(help="The data schema: infer, compare, approve.")


@app.command()
def infer(file: Files = None) -> None:
    """Infer a schema from the statistics of the last run and put it beside the reviewed one for review."""
    from pipeline.schemas import infer_pending

    session = open_session(file)
    pending = infer_pending(session.lineage(), session.schema_file, session.loaded.spec.data.label)
    say(f"Review {pending}, then 'penstock schema approve'.")


@app.command()
def diff(file: Files = None) -> None:
    """Say in words how the inferred schema differs from the reviewed one."""
    from pipeline.schemas import diff_pending

    lines = diff_pending(open_session(file).schema_file)
    for line in lines or ["No difference."]:
        say(line)


@app.command()
def approve(file: Files = None) -> None:
    """Make the inferred schema the reviewed one; from then on data is held against it."""
    from pipeline.schemas import approve as approve_schema

    say(
        f"{approve_schema(open_session(file).schema_file)} is the reviewed schema now; put it under version control."
    )
