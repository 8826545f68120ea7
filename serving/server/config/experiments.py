"""The document of experiments that a server runs itself: what it may say, and which versions it needs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from foundation.errors import PenstockError
from serving.server.config.model_config import ServerConfig, VersionPolicy
from serving.server.status import Code, ServingError

if TYPE_CHECKING:
    from serving.experiments.document.models import ExperimentsDocument


def check(path: str) -> ExperimentsDocument:
    """Reads the document and refuses what only the router can do.

    Raises:
        ServingError: INVALID_ARGUMENT: it is missing or wrong, or an arm is on another server.
    """
    from serving.experiments.document.reader import read_document

    try:
        document = read_document(Path(path))
    except PenstockError as error:
        raise ServingError(Code.INVALID_ARGUMENT, f"--experiments: {error}") from error
    for name, experiment in document.experiments.items():
        for arm, given in experiment.arms.items():
            if given.backend:
                raise ServingError(
                    Code.INVALID_ARGUMENT,
                    f"--experiments: {path}: experiments.{name}.arms.{arm}.backend: expected none, because this server "
                    f"has only its own models; seen: {given.backend}; remedy: leave it out, or use 'penstock route'",
                )
    return document


def with_versions(config: ServerConfig, document: ExperimentsDocument) -> ServerConfig:
    """Returns the configuration of the one model of the command line, with all its versions if arms name versions of it.

    By default only the newest version is served, and an arm could not answer.
    """
    named = {
        given.model or experiment.model
        for experiment in document.experiments.values()
        for given in experiment.arms.values()
        if given.version is not None
    }
    models = [
        replace(model, policy=VersionPolicy("all")) if model.name in named else model
        for model in config.models
    ]
    return replace(config, models=tuple(models))
