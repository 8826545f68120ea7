"""Shared by the serving tests: SavedModels that are built once."""

from __future__ import annotations

import pytest

from tests.serving.models import ModelLibrary
from tests.side_by_side import shared_folder


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> ModelLibrary:
    """SavedModels by name, each built on first use (which loads TensorFlow)."""
    return ModelLibrary(shared_folder(tmp_path_factory) / "saved_models")
