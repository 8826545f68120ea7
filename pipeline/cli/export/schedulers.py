"""``penstock export airflow`` and its like: a document, compiled, for what schedules it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import Files, Overrides, local
from pipeline.cli.screen import noise_to, say

if TYPE_CHECKING:
    from pipeline.scheduling.base import Options

Compiled = Annotated[
    Path | None,
    typer.Option("--bundle", help="A compiled bundle in place of a document.", callback=local),
]


def register(app: typer.Typer) -> None:
    """Registers the commands."""
    app.command()(airflow)
    app.command()(kubeflow)


def airflow(
    file: Files = None,
    set_: Overrides = None,
    bundle: Compiled = None,
    to: Annotated[Path, typer.Option("--to", help="Airflow's folder of DAG files.", callback=local)] = Path(
        "dags"
    ),
    operator: Annotated[
        str, typer.Option(help="How a node is started: bash, external_python, docker or kubernetes.")
    ] = "bash",
    python: Annotated[
        str, typer.Option(help="external_python: the Python on Airflow's workers that has Penstock.")
    ] = "",
    command: Annotated[str, typer.Option(help="bash: what starts Penstock. Default: exec penstock")] = "",
) -> None:
    """Write a DAG file for Airflow, and the bundle beside it: one task for each node."""
    from pipeline.scheduling.base import Options

    write("airflow", file, set_, bundle, to, Options(operator, python, command))


def kubeflow(
    file: Files = None,
    set_: Overrides = None,
    bundle: Compiled = None,
    to: Annotated[Path, typer.Option("--to", help="Folder for the document.", callback=local)] = Path(
        "kubeflow"
    ),
    operator: Annotated[str, typer.Option(help="What runs it: kubeflow or vertex.")] = "kubeflow",
) -> None:
    """Write the pipeline document of Kubeflow or Vertex AI Pipelines, and the bundle beside it: one container for each node."""
    from pipeline.scheduling.base import Options

    write("kubeflow", file, set_, bundle, to, Options(operator))


def write(
    name: str,
    file: list[Path] | None,
    overrides: list[str] | None,
    bundle: Path | None,
    to: Path,
    options: Options,
) -> None:
    """Compiles a document, unless a bundle is given, has an exporter write its files, and prints them.

    Args:
        name: Name of the exporter.
        file: The document's layers.
        overrides: ``--set`` options.
        bundle: A compiled bundle.
        to: Folder to write to.
        options: What else was decided on the command line.

    Raises:
        SpecError: The document is invalid, or asks for something that this orchestrator does not have.
    """
    from components.node import load
    from foundation.errors import SpecError
    from pipeline.bundle.compiling import compile_bundle
    from pipeline.bundle.reading import open_bundle
    from pipeline.document.loader import load as read
    from pipeline.scheduling import EXPORTERS
    from pipeline.scheduling.base import Exporter

    exporter: Exporter = load(EXPORTERS[name])()
    if bundle and (file or overrides):
        raise SpecError(
            "--bundle", expected="no document beside it", seen="-f or --set", remedy="leave one of them out"
        )
    notes: tuple[str, ...] = ()
    with tempfile.TemporaryDirectory(prefix="penstock-export-") as aside:
        if bundle:
            made = open_bundle(bundle)
        else:  # aside: what the exporter refuses leaves nothing in the folder
            document = read(file or [Path("pipeline.yaml")], overrides or [])
            with noise_to(Path(os.devnull)):  # what TensorFlow says of the machine
                compiled = compile_bundle(document, Path(aside))
            made, notes = compiled.bundle, compiled.notes
        paths = exporter.write(made, to, options)
    for note in (*notes, *exporter.notes(made, options)):
        say(f"Note: {note}.")
    for path in paths:
        say(str(path))
