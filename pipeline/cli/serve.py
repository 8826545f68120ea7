"""``penstock serve``: a model behind TF Serving's API, from a pipeline or a folder."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from foundation.errors import DataError, SpecError
from foundation.saved_model import MODEL_FILE
from foundation.stores.mirror import in_store
from pipeline.cli.options import local
from pipeline.cli.screen import say

DOCUMENT = "pipeline.yaml"


class EngineName(StrEnum):
    """The available engines."""

    auto = "auto"
    embedded = "embedded"
    binary = "binary"
    docker = "docker"


def register(app: typer.Typer) -> None:
    """Registers the command."""
    app.command(context_settings={"allow_extra_args": True})(serve)


def serve(
    context: typer.Context,
    target: Annotated[
        Path,
        typer.Argument(
            metavar="PIPELINE_OR_MODEL_DIR",
            help="A pipeline's folder or document (serves its push.to), a folder of numbered versions, or a SavedModel.",
        ),
    ] = Path("."),
    port: Annotated[int, typer.Option(min=1, max=65535, help="gRPC port.")] = 8500,
    rest_port: Annotated[int, typer.Option(min=1, max=65535, help="REST port.")] = 8501,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 means every interface.")
    ] = "127.0.0.1",
    engine: Annotated[
        EngineName,
        typer.Option(
            help="auto: tensorflow_model_server from the PATH when listening on every interface (it cannot listen on "
            "fewer), else the tensorflow/serving image if Docker already has it, else Penstock's own server."
        ),
    ] = EngineName.auto,
    experiments: Annotated[
        Path | None,
        typer.Option(
            callback=local,
            help="Document of experiments: Penstock's own server runs them in its process, without a router.",
        ),
    ] = None,
    model_name: Annotated[
        str, typer.Option(help="Model name that clients use; default: the pipeline's or the folder's name.")
    ] = "",
) -> None:
    """Serve a model over gRPC and REST until Ctrl-C. Flags of TF Serving go after --, such as -- --enable_batching."""
    stray = [argument for argument in context.args if not argument.startswith("-")]
    if stray:
        raise SpecError(
            f"penstock serve {stray[0]}",
            expected="one model, and TF Serving's flags after --",
            seen="a further argument",
        )
    from serving.engines.serve import Serve
    from serving.engines.serve import serve as serve_model

    folder, name = model_of(target)
    flags = tuple(context.args)
    chosen = engine.value
    if experiments is not None:
        if engine not in (EngineName.auto, EngineName.embedded):
            raise SpecError(
                f"--engine {chosen}",
                expected="embedded, which alone runs experiments itself",
                seen=chosen,
                remedy="leave --engine out, or put 'penstock route' in front",
            )
        chosen, flags = EngineName.embedded.value, (*flags, f"--experiments={experiments.resolve()}")
    asked = Serve(folder, chosen, host, port, rest_port, model_name or name, flags)
    serve_model(asked, say)


def model_of(target: Path) -> tuple[Path, str]:
    """Returns the folder that a pipeline pushes to, and its name; any other folder as it is, without a name."""
    place, name = pushed_to(target)
    folder = _brought(place) if in_store(place) else Path(place)
    if name and not folder.is_dir():
        raise nothing_pushed(place)
    return folder, name


def pushed_to(target: Path) -> tuple[str, str]:
    """Returns the folder or address that a pipeline pushes to, and its name; any other folder as it is, without a name."""
    if target.name == MODEL_FILE:
        target = target.parent
    document = target / DOCUMENT if target.is_dir() else target
    if target.is_dir() and not document.is_file():
        return str(target), ""
    from pipeline.document.loader import load

    loaded = load([document])
    push = loaded.spec.push
    if push is None:
        remedy = "add push: {to: serving_models/}, or give a folder of versions"
        raise DataError(f"{document}", expected="a 'push' section", seen="none", remedy=remedy)
    return push.to if in_store(push.to) else str(loaded.folder / push.to), loaded.spec.name


def nothing_pushed(place: str) -> DataError:
    """Returns the error for a pipeline that has no pushed model."""
    return DataError(
        place, expected="a pushed model", seen="nothing has been pushed yet", remedy="penstock run"
    )


def _brought(address: str) -> Path:
    """Returns a folder with the newest version in a store, which follows the store while this process lives."""
    from components.pusher.following import Following

    versions = Following(address)
    versions.look()
    versions.follow()
    return versions.folder
