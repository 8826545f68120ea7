"""``penstock serve``: a model behind TF Serving's own API, from a pipeline or a folder."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from foundation.errors import DataError, SpecError
from foundation.saved_model import MODEL_FILE
from pipeline.cli.screen import say

DOCUMENT = "pipeline.yaml"


class EngineName(StrEnum):
    """What can serve."""

    auto = "auto"
    embedded = "embedded"
    binary = "binary"
    docker = "docker"


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(context_settings={"allow_extra_args": True})(serve)


def serve(
    context: typer.Context,
    target: Annotated[
        Path,
        typer.Argument(
            metavar="PIPELINE_OR_MODEL_DIR",
            help="A pipeline's folder or document (its push.to is served), a folder of numbered versions, or a SavedModel.",
        ),
    ] = Path("."),
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of gRPC.")] = 8500,
    rest_port: Annotated[int, typer.Option(min=1, max=65535, help="Port of REST.")] = 8501,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 is every interface.")
    ] = "127.0.0.1",
    engine: Annotated[
        EngineName,
        typer.Option(
            help="auto: tensorflow_model_server from the PATH where every interface is asked for (it can listen on nothing "
            "less), else the tensorflow/serving image where Docker has it already, else Penstock's own server."
        ),
    ] = EngineName.auto,
    model_name: Annotated[
        str, typer.Option(help="Name that clients ask for; default: the pipeline's or the folder's.")
    ] = "",
) -> None:
    """Serve a model by gRPC and REST until Ctrl-C. Flags of TF Serving follow after --, such as -- --enable_batching."""
    stray = [argument for argument in context.args if not argument.startswith("-")]
    if stray:
        raise SpecError(
            f"penstock serve {stray[0]}",
            expected="one model, and flags of TF Serving after --",
            seen="another word",
        )
    from serving.engines.serve import Serve
    from serving.engines.serve import serve as serve_model

    folder, name = _model(target)
    asked = Serve(folder, engine.value, host, port, rest_port, model_name or name, tuple(context.args))
    serve_model(asked, say)


def _model(target: Path) -> tuple[Path, str]:
    """Returns the folder that a pipeline pushes to and the pipeline's name; of any other folder itself and no name."""
    if target.name == MODEL_FILE:
        target = target.parent
    document = target / DOCUMENT if target.is_dir() else target
    if target.is_dir() and not document.is_file():
        return target, ""
    from pipeline.document.loader import load

    loaded = load([document])
    push = loaded.spec.push
    if push is None:
        remedy = "add push: {to: serving_models/}, or name a folder of versions"
        raise DataError(f"{document}", expected="a 'push' section", seen="none", remedy=remedy)
    folder = loaded.folder / push.to
    if not folder.is_dir():
        raise DataError(
            f"{folder}",
            expected="a pushed model",
            seen="nothing pushed yet",
            remedy=f"penstock run -f {document}",
        )
    return folder, loaded.spec.name
