"""Checks of the experiments' document against where the router will run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from foundation.document.problems import Problem
from foundation.errors import SpecError
from serving.deploy.router.command import DATA_FOLDER, router_name, server_address
from serving.experiments.document.reader import read_document

if TYPE_CHECKING:
    from serving.deploy.document import DeployDocument
    from serving.experiments.document.models import ExperimentsDocument


def read_experiments(document: DeployDocument, folder: Path) -> str:
    """Returns the text of the router's document; empty if there is no router.

    Args:
        document: The deploy document.
        folder: Its folder, which the path of the experiments is relative to.

    Raises:
        SpecErrors: The experiments are missing or wrong.
        SpecError: They cannot work where the router will run.
    """
    if document.router is None:
        return ""
    path = folder / document.router.experiments
    experiments = read_document(path)
    problems = list(router_problems(document, experiments))
    if problems:
        raise SpecError("\n".join(f"{path}: {problem}" for problem in problems))
    return path.read_text(encoding="utf-8")


def router_problems(document: DeployDocument, experiments: ExperimentsDocument) -> Iterator[Problem]:
    """Yields what cannot work in the router's container."""
    router = document.router
    if router is None:
        return
    yield from _addresses(document, experiments)
    if experiments.state.postgresql is None:
        yield from _sqlite(document, experiments.state.sqlite)
    log = experiments.log
    if log is not None and not _kept(log.directory):
        yield _elsewhere(("log", "directory"), log.directory, f"{DATA_FOLDER}/predictions")


def _addresses(document: DeployDocument, experiments: ExperimentsDocument) -> Iterator[Problem]:
    """The default backend must be the generated server; others may be anywhere."""
    name = experiments.default_backend
    if not name:
        remedy = f"backends: {{main: {{grpc: '{server_address(document, rest=False)}', rest: '{server_address(document, rest=True)}'}}}}"
        yield Problem(("backends",), "the router has no server to ask", remedy=f"add {remedy}")
        return
    given = experiments.backends[name]
    for key, seen, rest in (("grpc", given.grpc, False), ("rest", given.rest, True)):
        wanted = server_address(document, rest=rest)
        if seen is not None and seen != wanted:
            yield Problem(
                ("backends", name, key), "", f"{wanted}, the server that this document describes", seen
            )


def _sqlite(document: DeployDocument, path: str) -> Iterator[Problem]:
    router = document.router
    if router is None:
        return
    if document.kubernetes is not None and router.replicas > 1:
        what = f"{router.replicas} routers share no SQLite file"
        remedy = (
            f"state: {{postgresql: VARIABLE}}, with the variable in the Secret of {router_name(document)}"
        )
        yield Problem(("state",), what, remedy=remedy)
    if not _kept(path):
        yield _elsewhere(("state",), path, f"{DATA_FOLDER}/experiments.db")


def _kept(path: str) -> bool:
    return path.startswith(f"{DATA_FOLDER}/")


def _elsewhere(where: tuple[str, ...], seen: str, wanted: str) -> Problem:
    what = f"a path that the container cannot write, or that ends with it; expected one below {DATA_FOLDER}"
    return Problem(where, what, seen=seen, remedy=f"take {wanted}")
