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


class Ci(StrEnum):
    """The services that a workflow can be written for."""

    GITHUB = "github"
    GITLAB = "gitlab"


def register(app: typer.Typer) -> None:
    """Registers the commands."""
    app.command()(init)
    app.command()(spec)


def init(
    export: Annotated[
        str | None, typer.Argument(help="A sample of your export: file, folder, s3:// or gs:// address.")
    ] = None,
    folder: Annotated[
        Path, typer.Option("--folder", callback=local, help="Folder for the project.")
    ] = Path(),
    name: Annotated[
        str | None, typer.Option(help="Name of the pipeline; default: the folder's name.")
    ] = None,
    label: Annotated[str | None, typer.Option(help="Dotted path of the field to predict.")] = None,
    ci: Annotated[
        Ci | None, typer.Option("--ci", help="Write a CI workflow, too; without an export, only that.")
    ] = None,
) -> None:
    """Start a project from an export: write a commented document that is ready to run, a test and a README."""
    from pipeline.project import create_project
    from pipeline.project.ci import write_ci

    if export is None and ci is None:
        raise typer.BadParameter("expected an export to start from, or --ci for a project that is there")
    files = create_project(folder, export, name, label) if export is not None else []
    files += write_ci(folder, ci.value) if ci else []
    for written in files:
        say(f"wrote {written}")
    if ci:
        say("Next: commit made-up or masked documents to tests/sample, which the staging run reads.")
        return
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
