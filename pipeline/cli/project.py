"""``penstock init`` and ``penstock spec``: beginning a project, and the document's own schema."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.screen import say


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(init)
    app.command()(spec)


def init(
    export: Annotated[
        str, typer.Argument(help="A sample of your export: file, folder, s3:// or gs:// address.")
    ],
    folder: Annotated[Path, typer.Option("--folder", help="Where the project is written.")] = Path(),
    name: Annotated[str | None, typer.Option(help="Name of the pipeline; default: the folder's.")] = None,
    label: Annotated[str | None, typer.Option(help="Dotted path of the field to predict.")] = None,
) -> None:
    """Begin a project: look at an export and write a commented document, a test and a README that run at once."""
    from pipeline.project import create_project

    for written in create_project(folder, export, name, label):
        say(f"wrote {written}")
    say("Next: read pipeline.yaml, then 'penstock run'.")


def spec(
    out: Annotated[Path | None, typer.Option(help="Write to this file; default: standard output.")] = None,
) -> None:
    """Write the JSON Schema of the document, for completion in an editor."""
    from foundation.publish import write_text
    from pipeline.document.json_schema import document_schema_text

    text = document_schema_text()
    if out is None:
        say(text)
    else:
        write_text(out, text)
        say(f"wrote {out}")
