"""``penstock route``: one router in front of TF Serving, which splits traffic by the document of experiments."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.experiment.options import DOCUMENT, Overrides
from pipeline.cli.options import local


class ReloadName(StrEnum):
    """What becomes of ``HandleReloadConfigRequest``."""

    refuse = "refuse"
    all = "all"


def register(app: typer.Typer) -> None:
    """Registers the command."""
    app.command()(route)


def route(
    document: Annotated[
        Path, typer.Argument(metavar="EXPERIMENTS.yaml", callback=local, help="The document of experiments.")
    ] = DOCUMENT,
    port: Annotated[int, typer.Option(min=0, max=65535, help="gRPC port; 0 takes a free one.")] = 8500,
    rest_port: Annotated[int, typer.Option(min=0, max=65535, help="REST port; 0 takes a free one.")] = 8501,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 means every interface.")
    ] = "127.0.0.1",
    tls_certificate: Annotated[
        Path | None, typer.Option(callback=local, help="Certificate, PEM: both ports then speak TLS.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(callback=local, help="Its key, PEM.")] = None,
    tls_client_ca: Annotated[
        Path | None, typer.Option(callback=local, help="Clients need a certificate from one of these, PEM.")
    ] = None,
    drain_seconds: Annotated[
        float, typer.Option(min=0, help="How long requests in flight may take after Ctrl-C or SIGTERM.")
    ] = 30.0,
    timeout: Annotated[
        float, typer.Option(min=0.1, help="How long a backend may take to answer a REST request, in seconds.")
    ] = 60.0,
    max_body_bytes: Annotated[int, typer.Option(min=1, help="Largest request; larger ones are refused.")] = 2
    ** 31
    - 1,
    max_connections: Annotated[int, typer.Option(min=1, help="Clients' connections to each port.")] = 10_000,
    reload: Annotated[
        ReloadName,
        typer.Option(
            help="HandleReloadConfigRequest replaces a server's models: refuse it, or send it to all backends."
        ),
    ] = ReloadName.refuse,
    overrides: Overrides = None,
) -> None:
    """Split the traffic of TF Serving clients between models, until Ctrl-C. Everything else passes unchanged."""
    from serving.router.options import Reload, RouterOptions
    from serving.router.process import route as run

    options = RouterOptions(
        host,
        port,
        rest_port,
        str(tls_certificate or ""),
        str(tls_key or ""),
        str(tls_client_ca or ""),
        drain_seconds,
        timeout,
        max_body_bytes,
        max_connections,
        Reload(reload.value),
    )
    run(document, options, overrides or ())
