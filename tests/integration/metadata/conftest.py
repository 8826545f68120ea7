"""Database servers for ML Metadata, started once for all files of this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline.document.models import MetadataConfig
from tests import mariadb, postgresql

PASSWORD = postgresql.PASSWORD
KINDS = {"postgresql": postgresql, "mysql": mariadb}
"""Key in the document → the module that starts such a server."""


@dataclass(frozen=True)
class Place:
    """An empty database for ML Metadata.

    Attributes:
        kind: ``postgresql`` or ``mysql``.
        server: Its server, of ``tests.postgresql`` or ``tests.mariadb``.
        database: Its name.
    """

    kind: str
    server: Any
    database: str

    def config(self, port: int | None = None) -> MetadataConfig:
        """Returns what the document says of it.

        Args:
            port: Another port to reach it by.
        """
        place = {"host": "127.0.0.1", "database": self.database, "user": "penstock"}
        return MetadataConfig.model_validate({self.kind: {**place, "port": port or self.server.port}})

    def sql(self, statement: str) -> str:
        """Runs statements in it and returns what they say."""
        return str(self.server.sql(statement, self.database))


@pytest.fixture(scope="session")
def servers() -> Iterator[Callable[[str], Any]]:
    """Gives the server of a kind; skips where its programs are not installed."""
    running: dict[str, Any] = {}

    def server(kind: str) -> Any:
        if reason := KINDS[kind].missing():
            pytest.skip(reason)
        if kind not in running:
            context = KINDS[kind].running()
            running[kind] = (context, context.__enter__())
        return running[kind][1]

    yield server
    for context, _ in running.values():
        context.__exit__(None, None, None)


@pytest.fixture(params=KINDS)
def place(
    request: pytest.FixtureRequest, servers: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> Place:
    """An empty database on a server of each kind."""
    server = servers(request.param)
    name = "t" + str(abs(hash(request.node.nodeid)) % 10**12)
    server.create(name)
    monkeypatch.setenv("PENSTOCK_METADATA_PASSWORD", PASSWORD)
    return Place(request.param, server, name)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A pipeline's root."""
    return tmp_path
