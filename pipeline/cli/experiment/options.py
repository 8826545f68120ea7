"""Options that the commands of ``penstock experiment`` share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import local

Document = Annotated[Path, typer.Option("--file", "-f", callback=local, help="The document of experiments.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", help="Override one value: --set experiments.NAME.share=50%")
]
DOCUMENT = Path("experiments.yaml")
