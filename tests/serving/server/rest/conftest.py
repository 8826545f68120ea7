"""Fixtures shared by the tests of the REST API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from serving.server.config.options import Options
from tests.serving.server.rest.running import RunningServer


@pytest.fixture(scope="module")
def shared_server() -> Iterator[RunningServer]:
    running = RunningServer(Options())
    yield running
    running.stop()


@pytest.fixture
def server(shared_server: RunningServer) -> RunningServer:
    """The module's server, with its model reset."""
    model = shared_server.model
    model.seen, model.outputs, model.error = [], None, None
    return shared_server
