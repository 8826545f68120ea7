"""Options that several commands share, and the session they open."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pipeline.runs.session import Session

Files = Annotated[
    list[Path] | None,
    typer.Option(
        "--file", "-f", help="The document; several are layered, later ones win. Default: pipeline.yaml"
    ),
]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", help="Override one value: --set train.steps=50")
]
ModelName = Annotated[
    str | None, typer.Argument(help="Artifact id, pushed version or folder; default: latest blessed.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def local(path: Path | None) -> Path | None:
    """Refuses an address where only a path of this machine can be written; for ``callback``.

    Raises:
        BadParameter: The path is an address, such as ``s3://bucket/folder``.
    """
    from foundation.places import Rule, refused

    if path is not None and (seen := refused(Rule.LOCAL, str(path))):
        raise typer.BadParameter(f"expected {Rule.LOCAL.value}; seen: {seen}")
    return path


def open_session(files: list[Path] | None, overrides: list[str] | None = None) -> Session:
    """Loads and checks the document.

    Raises:
        SpecError: It cannot be read or is invalid.
    """
    from pipeline.document.loader import load
    from pipeline.runs.session import Session

    return Session(load(files or [Path("pipeline.yaml")], overrides or []))
