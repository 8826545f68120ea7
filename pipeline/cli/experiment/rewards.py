"""``penstock experiment reward``: rewards joined from a labels file or a MongoDB export."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli.experiment.options import DOCUMENT, Document, Overrides
from pipeline.cli.screen import say, say_json


def register(app: typer.Typer) -> None:
    """Registers the command."""
    app.command()(reward)


def reward(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The experiment.")],
    source: Annotated[
        str,
        typer.Option(
            "--from",
            help="CSV, JSON lines, Parquet or a MongoDB export: a file, folder, pattern, s3:// or gs://.",
        ),
    ],
    unit: Annotated[str, typer.Option(help="Dotted path of the unit; default: unit, if there is one.")] = "",
    request: Annotated[
        str, typer.Option(help="Dotted path of the request's id; default: request_id, if there is one.")
    ] = "",
    value: Annotated[
        str, typer.Option(help="Dotted path of the reward; default: the metric's name, or value.")
    ] = "",
    file: Document = DOCUMENT,
    overrides: Overrides = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Report rewards from a file; each counts once, however often the file is read again."""
    from pipeline.cli.experiment.labels import Columns, join
    from pipeline.cli.experiment.life import asked
    from serving.experiments.control.actions import experiment_of

    with asked(file, overrides, name) as it:
        experiment_of(it.document, name)
        found = join(it.store, it.document, name, source, Columns(unit, request, value))
        counted = {what: count for what, count in found.counts.items() if count}
        text = f"{name}: {found.rows:,} rows of {source}: "
        text += ", ".join(f"{count:,} {what}" for what, count in counted.items())
        it.store.event(name, "rewards_joined", f"{text} (by {it.who})", {**counted, "by": it.who})
    if as_json:
        say_json({"rows": found.rows, **found.counts, "examples": found.examples})
        return
    say(text)
    for example in found.examples:
        say(f"  {example}")
