"""Shared by tests of serving: SavedModels that are built once."""

from __future__ import annotations

import pytest

from tests.serving.models import ModelLibrary


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> ModelLibrary:
    """SavedModels by name, each built when first asked for (this loads TensorFlow)."""
    return ModelLibrary(tmp_path_factory.mktemp("saved_models"))
