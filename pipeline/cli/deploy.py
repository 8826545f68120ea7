"""``penstock deploy``: configuration for TF Serving, docker compose and Kubernetes from one small document."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import Files, local, open_session
from pipeline.cli.screen import say

if TYPE_CHECKING:
    from serving.deploy.document import DeployDocument


def register(app: typer.Typer) -> None:
    """Registers the command."""
    app.command()(deploy)


def deploy(
    document: Annotated[
        Path | None,
        typer.Argument(help="The serving document; without one, the pipeline's own model is served."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", callback=local, help="Folder for the files.")] = Path(
        "deploy"
    ),
    file: Files = None,
) -> None:
    """Write configuration for TF Serving, docker compose and Kubernetes. Nothing is started.

    Without a serving document, docker compose serves the model that the pipeline pushes.
    """
    from serving.deploy.generate import generate, read, write
    from serving.deploy.notes import notes
    from serving.deploy.reader import read_document
    from serving.deploy.router.checks import read_experiments
    from serving.deploy.text_files import MODELS

    if document is not None and file:
        raise typer.BadParameter("give a serving document, or a pipeline document with --file")
    wanted = read_document(document) if document is not None else _of_pipeline(file, out)
    for note in notes(wanted, read(out / "config" / MODELS)):
        say(f"note: {note}")
    folder = document.parent if document is not None else Path()
    written = write(generate(wanted, read_experiments(wanted, folder)), out)
    for verb, names in (("wrote", written.changed), ("removed", written.removed)):
        for name in names:
            say(f"{verb} {out / name}")
    if written.unchanged:
        say(f"{len(written.unchanged)} files unchanged")


def _of_pipeline(files: list[Path] | None, out: Path) -> DeployDocument:
    from foundation.errors import SpecError
    from foundation.stores.mirror import in_store
    from serving.deploy.document import pushed_model

    session = open_session(files)
    push = session.loaded.spec.push
    if push is None:
        raise SpecError(
            "push",
            expected="the folder that the pipeline publishes to",
            seen="nothing",
            remedy="add push: {to: FOLDER} to the document, or give a serving document",
        )
    if in_store(push.to):
        raise SpecError(
            f"push.to {push.to}",
            expected="a folder, which the containers mount",
            seen="a place in a store",
            remedy=f"write a serving document whose model has base_path: {push.to}, and give that",
        )
    return pushed_model(session.loaded.spec.name, session.loaded.folder / push.to, out)
