"""Airflow's own environment, built from its lock where PyPI's packages can be had."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.airflow.running import environment


@pytest.fixture(scope="session")
def airflow_python() -> Path:
    """The Python that has Airflow and nothing of Penstock."""
    found = environment()
    if isinstance(found, str):
        pytest.skip(found)
    return found
