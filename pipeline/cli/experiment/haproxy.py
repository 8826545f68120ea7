"""``penstock experiment haproxy``: a configuration for HAProxy, where arms are whole servers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.experiment.options import DOCUMENT, Document, Overrides
from pipeline.cli.options import local
from pipeline.cli.screen import say


def register(app: typer.Typer) -> None:
    """Registers the command."""
    app.command()(haproxy)


def haproxy(
    file: Document = DOCUMENT,
    overrides: Overrides = None,
    out: Annotated[Path, typer.Option("--out", "-o", callback=local, help="Folder for the files.")] = Path(
        "haproxy"
    ),
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="gRPC port; 0: none.")] = 8500,
    rest_port: Annotated[int, typer.Option(min=0, max=65535, help="REST port; 0: none.")] = 8501,
) -> None:
    """Write a configuration with which HAProxy splits traffic between servers, by a hash of the unit.

    Only for one experiment with fixed shares whose arms are backends of their own. HAProxy counts no rewards, logs no
    predictions and takes no arm out: use it to ramp at high rates, and the router to learn which model is better.
    """
    from foundation.publish import write_text
    from serving.deploy.haproxy import SLOT_MAP, Front, haproxy_files
    from serving.experiments.document.reader import read_document

    front = Front(host, port or None, rest_port or None)
    before = out / SLOT_MAP
    slots = before.read_text(encoding="utf-8") if before.is_file() else None
    for name, text in haproxy_files(read_document(file, overrides or []), front, slots).items():
        write_text(out / name, text)
        say(f"wrote {out / name}")
    say(f"Run it: cd {out} && haproxy -f haproxy.cfg")
