"""``penstock init`` and ``penstock spec``: starting a project, and the JSON Schemas of the documents."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import local
from pipeline.cli.screen import say


class Document(StrEnum):
    """The documents that users write."""

    PIPELINE = "pipeline"
    DEPLOY = "deploy"
    EXPERIMENTS = "experiments"


def register(app: typer.Typer) -> None:
    """Registers the commands."""
    app.command()(init)
    app.command()(spec)


def init(
    export: Annotated[
        str, typer.Argument(help="A sample of your export: file, folder, s3:// or gs:// address.")
    ],
    folder: Annotated[
        Path, typer.Option("--folder", callback=local, help="Folder for the project.")
    ] = Path(),
    name: Annotated[
        str | None, typer.Option(help="Name of the pipeline; default: the folder's name.")
    ] = None,
    label: Annotated[str | None, typer.Option(help="Dotted path of the field to predict.")] = None,
) -> None:
    """Start a project from an export: write a commented document that is ready to run, a test and a README."""
    from pipeline.project import create_project

    for written in create_project(folder, export, name, label):
        say(f"wrote {written}")
    say("Next: read pipeline.yaml, then 'penstock run'.")


def spec(
    document: Annotated[Document, typer.Argument(help="Which document.")] = Document.PIPELINE,
    out: Annotated[
        Path | None, typer.Option(callback=local, help="Write to this file; default: standard output.")
    ] = None,
) -> None:
    """Write the JSON Schema of a document, for completion in an editor."""
    from foundation.publish import write_text
    from pipeline.cli.contracts import DOCUMENTS, contract_text

    text = contract_text(DOCUMENTS[document])
    if out is None:
        say(text.rstrip("\n"))
    else:
        write_text(out, text)
        say(f"wrote {out}")
