"""``penstock export``: files from a live collection, for those who have no job that exports it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import AsJson
from pipeline.cli.screen import say, say_json


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(export)


def export(
    context: typer.Context,
    database: Annotated[str, typer.Argument(help="Name of the database.")],
    collection: Annotated[str, typer.Argument(help="Name of the collection.")],
    to: Annotated[
        str, typer.Option("--to", help="Folder, s3:// or gs:// place that gets a folder for each span.")
    ],
    span: Annotated[int | None, typer.Option(help="Number of the span; default: the next.")] = None,
    format: Annotated[
        str, typer.Option(help="relaxed or canonical (Extended JSON lines), or bson; always gz.")
    ] = "relaxed",
    filter_: Annotated[str, typer.Option("--filter", help="Only these documents; Extended JSON.")] = "{}",
    fields: Annotated[
        str, typer.Option("--fields", help="Only these dotted paths, with commas between.")
    ] = "",
    incremental: Annotated[
        str | None,
        typer.Option(help="_id, or a field with dates: only what came since the last such export."),
    ] = None,
    read_preference: Annotated[
        str, typer.Option(help="Which members are read; 'secondary' never reads the primary.")
    ] = "secondaryPreferred",
    consistency: Annotated[
        str, typer.Option(help="auto: one moment where the server can; none: do not try.")
    ] = "auto",
    parallel: Annotated[int, typer.Option(help="Ranges read at once, at most; fewer when it is slow.")] = 4,
    documents_per_second: Annotated[float | None, typer.Option(help="Not more than this.")] = None,
    megabytes_per_second: Annotated[float | None, typer.Option(help="Not more than this, as BSON.")] = None,
    shard_documents: Annotated[int, typer.Option(help="About so many documents in a file.")] = 250_000,
    settle: Annotated[
        float, typer.Option(help="Seconds before now at which an incremental export ends.")
    ] = 60.0,
    patience: Annotated[
        float, typer.Option(help="Seconds that a server which went away is waited for.")
    ] = 60.0,
    uri_variable: Annotated[
        str, typer.Option(help="Environment variable with the connection string.")
    ] = "PENSTOCK_MONGODB_URI",
    work: Annotated[
        Path, typer.Option(help="Where an export to a store is put together before it is copied there.")
    ] = Path(".penstock/export"),
    restart: Annotated[bool, typer.Option("--restart", help="Throw an unfinished export away.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the last lines only.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a collection as files, gently and resumably. The only command that reads MongoDB's application data.

    The connection string comes from the environment variable PENSTOCK_MONGODB_URI alone. A command that was ended in
    whatever way goes on where it was when it is given again.
    """
    from pipeline.export.connect import refuse_credentials, uri_from_environment

    refuse_credentials([database, collection, to, filter_, fields, uri_variable, *context.args])
    if context.args:
        raise typer.BadParameter(f"there is no {context.args[0]!r}")
    from pipeline.export import ExportSettings
    from pipeline.export import export as run
    from pipeline.export.settings import chosen, parse_filter, target_of

    folder, remote = target_of(to, work)
    settings = ExportSettings(
        database,
        collection,
        folder,
        remote=remote,
        span=span,
        format=chosen("--format", format, ("relaxed", "canonical", "bson")),
        filter=parse_filter(filter_),
        projection=tuple(part.strip() for part in fields.split(",") if part.strip()),
        incremental=incremental,
        read_preference=read_preference,
        consistency=chosen("--consistency", consistency, ("auto", "none")),
        parallel=parallel,
        documents_per_second=documents_per_second,
        bytes_per_second=megabytes_per_second and megabytes_per_second * 1e6,
        shard_documents=shard_documents,
        settle_seconds=settle,
        patience_seconds=patience,
    )
    uri = uri_from_environment(uri_variable)
    done = run(settings, uri, restart, say=(lambda line: None) if quiet or as_json else say)
    if as_json:
        say_json({"folder": str(done.folder) if done.folder else None, **done.manifest})
        return
    say(done.manifest["consistency"]["statement"] if done.folder else "Nothing came since the last export.")
    if done.folder:
        say(f"wrote {done.manifest['documents']} documents to {done.folder}")
