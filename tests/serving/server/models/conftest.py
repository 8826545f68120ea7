"""A fresh manager world for every test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving.server.models.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    for gate in made.gates.values():
        gate.set()
    if hasattr(made, "manager"):
        made.manager.stop()
