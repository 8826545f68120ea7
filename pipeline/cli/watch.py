"""``penstock watch``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pipeline.cli.options import Files, Overrides
from pipeline.cli.screen import say

if TYPE_CHECKING:
    from pipeline.runs.session import Session

_SHOWN = 12
"""Most differences that are shown; ``penstock diff`` has them all."""


def register(app: typer.Typer) -> None:
    """Registers the command."""
    app.command()(watch)


def watch(file: Files = None, set_: Overrides = None) -> None:
    """Run the pipeline whenever the document, its schema or your own code is saved, until Ctrl-C."""
    from foundation.errors import SpecError
    from pipeline.watch.loop import Watch

    files = file or [Path("pipeline.yaml")]
    for one in files:
        if not one.is_file():
            raise SpecError(str(one), expected="a document", seen="no such file")
    Watch(files, set_ or [], _say, differences).forever()


def _say(line: str) -> None:
    say(line)
    sys.stdout.flush()


def differences(session: Session, before: str, after: str) -> Iterator[str]:
    """Yields what differs between two runs: ``train.learning_rate: 0.01 → 0.02``."""
    from pipeline.runs.compare import compare, shown

    found = compare(session.lineage(), session.runs.find(before), session.runs.find(after))
    if found:
        yield f"Changed since run {before}:"
    for one in found[:_SHOWN]:
        old, new = shown(one.before, one.after)
        yield f"  {one.what}: {old} → {new}"
    if len(found) > _SHOWN:
        yield f"  and {len(found) - _SHOWN} more: penstock diff {before} {after}"
