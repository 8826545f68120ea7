"""``penstock look``: what is in an export, and how its shape differs from another's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import AsJson
from pipeline.cli.screen import say, say_json, table


def register(app: typer.Typer) -> None:
    """Registers the command."""
    app.command()(look)


def look(
    export: Annotated[str, typer.Argument(help="File, folder, pattern, s3:// or gs:// address.")],
    second: Annotated[
        str | None, typer.Argument(help="A later export: show how its shape differs from the first.")
    ] = None,
    sample: Annotated[int, typer.Option(min=1, help="Maximum number of documents to read.")] = 20_000,
    everything: Annotated[bool, typer.Option("--all", help="Read all documents.")] = False,
    examples: Annotated[
        bool, typer.Option("--examples", help="Show what values look like, masked: Aaa9@aaa.aaa.")
    ] = False,
    label: Annotated[str | None, typer.Option(help="Dotted path of the field to predict.")] = None,
    as_json: AsJson = False,
) -> None:
    """Profile an export in seconds: paths, types, rates, sizes, times, personal values; suggest a document.

    No values are shown, except the label's positive class and masked ones with --examples.
    With a second export: what changed.
    """
    from pipeline.look import differences
    from pipeline.look import look as profile
    from pipeline.look.text import HEAD, rows, summary
    from pipeline.look.text import as_json as plain

    limit = None if everything else sample
    seen = profile(export, limit, examples)
    if second is not None:
        later = profile(second, limit, examples)
        found = differences(seen, later)
        if as_json:
            say_json(
                {"first": plain(seen), "second": plain(later), "differences": [vars(one) for one in found]}
            )
            return
        for line in (*summary(seen), *summary(later), ""):
            say(line)
        table(("path", "change"), ((one.path, one.text) for one in found))
        say("" if found else "The documents have the same shape.")
        return
    document = _suggestion(seen, label)
    if as_json:
        say_json({**plain(seen), "document": document})
        return
    for line in (*summary(seen), ""):
        say(line)
    table(HEAD, rows(seen))
    say(f"\nA document to start with ('penstock init' writes it, with a test):\n\n{document}")


def _suggestion(seen: object, label: str | None) -> str:
    from foundation.errors import DataError
    from pipeline.look import Look
    from pipeline.project import suggest

    assert isinstance(seen, Look)
    try:
        return suggest(seen, Path(), label)
    except DataError as error:
        return f"# none: {error}"
