"""``penstock compile``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import AsJson, Files, Overrides, local
from pipeline.cli.screen import noise_to, say, say_json

To = Annotated[Path | None, typer.Option("--to", help="Folder of bundles. Default: bundles", callback=local)]


def register(app: typer.Typer) -> None:
    """Registers the command."""
    app.command("compile")(compile_document)


def compile_document(
    file: Files = None, set_: Overrides = None, to: To = None, as_json: AsJson = False
) -> None:
    """Compile the document to a bundle, one folder to deploy: the same byte for byte from the same commit."""
    from pipeline.bundle.compiling import compile_bundle
    from pipeline.document.loader import load

    loaded = load(file or [Path("pipeline.yaml")], set_ or [])
    with noise_to(Path(os.devnull)):  # what TensorFlow says of the machine
        compiled = compile_bundle(loaded, to or Path("bundles"))
    folder, sidecar = compiled.bundle.folder, compiled.bundle.sidecar
    if as_json:
        say_json(
            {"bundle": str(folder), "digest": sidecar.digest, "new": compiled.new, "notes": compiled.notes}
        )
        return
    for note in compiled.notes:
        say(f"Note: {note}.")
    if not compiled.new:
        say("Nothing has changed: this bundle is there already.")
    say(str(folder))
