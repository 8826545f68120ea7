"""``penstock export``: a collection to files, or a pipeline to the orchestrator that schedules it; one thin file each."""

from __future__ import annotations

import typer

from pipeline.cli.export import collection, schedulers
from pipeline.cli.export.group import CollectionByDefault

app = typer.Typer(
    cls=CollectionByDefault,
    help="Export a collection to files: penstock export DATABASE COLLECTION --to FOLDER. Or a pipeline to what schedules it.",
)
for command in (collection, schedulers):
    command.register(app)
