"""``penstock init`` and ``penstock spec``: beginning a project, and the JSON Schemas of the documents."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.screen import say


class Document(StrEnum):
    """Documents that a person writes."""

    PIPELINE = "pipeline"
    DEPLOY = "deploy"


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
    document: Annotated[Document, typer.Argument(help="Which document.")] = Document.PIPELINE,
    out: Annotated[Path | None, typer.Option(help="Write to this file; default: standard output.")] = None,
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
