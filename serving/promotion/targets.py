"""What a promotion means for the document at hand: which version, which label, on which servers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from foundation.errors import SpecError
from serving.client import Tls
from serving.promotion.model_config import labels, parsed
from serving.promotion.move import Move, PromotionError
from serving.promotion.servers import Server

if TYPE_CHECKING:
    from serving.experiments.document.models import (
        ArmConfig,
        BackendConfig,
        ExperimentConfig,
        ExperimentsDocument,
    )


@dataclass(frozen=True)
class Goal:
    """What is to be moved.

    Attributes:
        model: The arm's model.
        version: The arm's version; None if no server could be asked.
        newest: The version that requests without one get; None if no server could be asked.
        move: The label and where it goes; None if no label is moved.
        servers: The servers that have it.
    """

    model: str
    version: int | None
    newest: int | None
    move: Move | None
    servers: tuple[Server, ...] = ()


@contextlib.contextmanager
def connected(document: ExperimentsDocument, folder: Path) -> Iterator[dict[str, Server]]:
    """Yields a client for each backend with a gRPC address, by name.

    Args:
        document: The document.
        folder: Its folder: paths in it are relative to that.
    """
    with contextlib.ExitStack() as stack:
        yield {
            name: stack.enter_context(_server(name, backend.grpc, backend, folder))
            for name, backend in document.backends.items()
            if backend.grpc
        }


def _server(name: str, address: str, backend: BackendConfig, folder: Path) -> Server:
    given, tls = backend.tls, None
    if given is not None:
        ca, certificate, key = (
            folder / path if path else None for path in (given.ca, given.certificate, given.key)
        )
        tls = Tls(ca, certificate, key, given.name)
    return Server(name, address, folder / backend.models if backend.models else None, tls)


def goal(
    document: ExperimentsDocument,
    experiment: ExperimentConfig,
    arm: str,
    servers: dict[str, Server],
    label: str,
) -> Goal:
    """Returns what a promotion of an arm moves.

    The label is the one that is asked for, else control's own, else the only one that points at control's version. If there
    is none, no label moves: the router gives everything to the arm, and the servers go on as they are.

    Args:
        document: The document.
        experiment: The experiment.
        arm: The arm.
        servers: Clients by backend.
        label: The label to move; empty looks for it.

    Raises:
        PenstockError: It cannot be said, or cannot be done with labels.
        CallError: A server does not answer.
    """
    winner, control = experiment.arms[arm], experiment.arms[experiment.control]
    model, backend = winner.model or experiment.model, winner.backend or document.default_backend
    server = servers.get(backend)
    if server is None:
        if label:
            raise SpecError(
                f"label {label}", expected=f"a gRPC address of backend {backend or 'main'}", seen="none",
                remedy="add it to the document's backends: labels are moved over gRPC",
            )  # fmt: skip
        return Goal(model, winner.version, None, None)
    version, newest = _version(server, model, winner), server.version_of(model)
    if version is None:
        raise PromotionError(
            f"arm {arm}", expected=f"{_words(winner)} of model {model} to answer at {backend}", seen="it does not",
            remedy="look at the server's versions and labels",
        )  # fmt: skip
    same_place = (control.model or experiment.model, control.backend or document.default_backend) == (
        model,
        backend,
    )
    label = label or (_label(server, model, control) if same_place else "")
    if not label:
        return Goal(model, version, newest, None)
    involved = _involved(server, servers, model, label)
    before = server.version_of(model, label)
    return Goal(model, version, newest, Move(model, label, before, version), involved)


def _version(server: Server, model: str, arm: ArmConfig) -> int | None:
    return server.version_of(model, arm.label or "", arm.version)


def _words(arm: ArmConfig) -> str:
    if arm.version is not None:
        return f"version {arm.version}"
    return f"label {arm.label}" if arm.label else "the newest version"


def _label(server: Server, model: str, control: ArmConfig) -> str:
    if control.label or server.file is None:
        return control.label or ""
    version = _version(server, model, control)
    known = _labels(server, model) or {}
    pointing = [name for name, at in known.items() if at == version]
    if len(pointing) > 1:
        raise SpecError(
            f"model {model}", expected="one label at control's version", seen=", ".join(sorted(pointing)),
            remedy="name the one that is to move with --label",
        )  # fmt: skip
    return pointing[0] if pointing else ""


def _labels(server: Server, model: str) -> dict[str, int] | None:
    if server.file is None:
        return None
    try:
        text = server.file.read_text(encoding="utf-8")
    except OSError as error:
        from foundation.publish import storage_error

        raise storage_error(server.file, error) from error
    return labels(parsed(text, str(server.file)), model)


def _involved(server: Server, servers: dict[str, Server], model: str, label: str) -> tuple[Server, ...]:
    """Returns the arm's server, and every other one whose file has that label of that model."""
    others = [one for one in servers.values() if one is not server and label in (_labels(one, model) or {})]
    return (server, *others)
