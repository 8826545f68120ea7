"""``penstock schema``: the data schema from inferred to reviewed."""

from __future__ import annotations

import typer

from pipeline.cli.options import Files, open_session
from pipeline.cli.screen import noise_to, say

app = typer.Typer(help="The data schema: infer, compare, approve.")


@app.command()
def infer(file: Files = None) -> None:
    """Infer a schema from the last run's statistics and put it beside the reviewed one, to be reviewed."""
    from foundation.stores.brought import fetched
    from pipeline.lineage.queries import newest_output
    from pipeline.schemas import infer as infer_schema
    from pipeline.schemas import offer

    session = open_session(file)
    statistics = newest_output(session.lineage(), "StatisticsGen", "statistics")
    with noise_to(session.root / "log.txt"):
        spec = session.loaded.spec
        inferred = infer_schema(str(fetched(statistics.uri)), spec.data.label, spec.array_features())
    pending = offer(inferred, session.schema_file)
    say(f"Review {pending}, then 'penstock schema approve'.")


@app.command()
def diff(file: Files = None) -> None:
    """Show in words how the inferred schema differs from the reviewed one."""
    from pipeline.schemas import diff as differences
    from pipeline.schemas import pending_path, read_schema

    reviewed = open_session(file).schema_file
    pending = pending_path(reviewed)
    if pending.exists() and not reviewed.exists():
        say(
            f"Nothing to compare with: no schema is reviewed yet. Review {pending}, then 'penstock schema approve'."
        )
        return
    if reviewed.exists() and not pending.exists():
        say(
            "Nothing to compare: no inferred schema awaits review; 'penstock schema infer' makes one from the last run."
        )
        return
    for line in differences(read_schema(reviewed), read_schema(pending)) or ["No difference."]:
        say(line)


@app.command()
def approve(file: Files = None) -> None:
    """Make the inferred schema the reviewed one; from then on, data is validated against it."""
    from pipeline.schemas import approve as approve_schema

    say(
        f"{approve_schema(open_session(file).schema_file)} is now the reviewed schema; commit it to version control."
    )
