"""``penstock export collection``: files from a live collection, where no other job exports it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import AsJson, local
from pipeline.cli.screen import say, say_json


def register(app: typer.Typer) -> None:
    """Registers the command."""
    app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(collection)


def collection(
    context: typer.Context,
    database: Annotated[str, typer.Argument(help="Name of the database.")],
    name: Annotated[str, typer.Argument(metavar="{collection}", help="Name of the collection.")],
    to: Annotated[
        str, typer.Option("--to", help="Folder, s3:// or gs:// location; each span gets a folder in it.")
    ],
    span: Annotated[int | None, typer.Option(help="Span number; default: the next one.")] = None,
    format: Annotated[
        str, typer.Option(help="relaxed or canonical (lines of Extended JSON), or bson; always gzipped.")
    ] = "relaxed",
    filter_: Annotated[
        str, typer.Option("--filter", help="Export only documents that match this filter; Extended JSON.")
    ] = "{}",
    fields: Annotated[
        str, typer.Option("--fields", help="Export only these dotted paths, comma-separated.")
    ] = "",
    incremental: Annotated[
        str | None,
        typer.Option(help="_id or a date field: export only what is new since the last such export."),
    ] = None,
    read_preference: Annotated[
        str, typer.Option(help="Which members to read from; 'secondary' never reads the primary.")
    ] = "secondaryPreferred",
    consistency: Annotated[
        str, typer.Option(help="auto: read a snapshot where the server supports it; none: never.")
    ] = "auto",
    parallel: Annotated[
        int, typer.Option(help="Maximum ranges read in parallel; fewer while the server is slow.")
    ] = 4,
    documents_per_second: Annotated[float | None, typer.Option(help="Limit on documents per second.")] = None,
    megabytes_per_second: Annotated[
        float | None, typer.Option(help="Limit on megabytes of BSON per second.")
    ] = None,
    shard_documents: Annotated[int, typer.Option(help="Approximate number of documents per file.")] = 250_000,
    settle: Annotated[
        float, typer.Option(help="An incremental export ends this many seconds before now.")
    ] = 60.0,
    patience: Annotated[float, typer.Option(help="Seconds to wait for a server that has gone away.")] = 60.0,
    uri_variable: Annotated[
        str, typer.Option(help="Environment variable that holds the connection string.")
    ] = "PENSTOCK_MONGODB_URI",
    work: Annotated[
        Path,
        typer.Option(
            callback=local, help="Working folder for an export to a store, before it is copied there."
        ),
    ] = Path(".penstock/export"),
    restart: Annotated[bool, typer.Option("--restart", help="Discard an unfinished export.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only the last lines.")] = False,
    as_json: AsJson = False,
) -> None:
    """Export a collection to files, gently and resumably. The only command that reads MongoDB's application data.

    The connection string comes only from the environment variable PENSTOCK_MONGODB_URI. If the command is interrupted,
    run it again: it resumes where it stopped.
    """
    from pipeline.export.connect import refuse_credentials, uri_from_environment

    refuse_credentials([database, name, to, filter_, fields, uri_variable, *context.args])
    if context.args:
        raise typer.BadParameter(f"there is no {context.args[0]!r}")
    from pipeline.export import ExportSettings
    from pipeline.export import export as run
    from pipeline.export.settings import chosen, parse_filter, target_of

    folder, remote = target_of(to, work)
    settings = ExportSettings(
        database,
        name,
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
    say(done.manifest["consistency"]["statement"] if done.folder else "Nothing new since the last export.")
    if done.folder:
        say(f"wrote {done.manifest['documents']} documents to {done.folder}")
