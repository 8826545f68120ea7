"""Airflow's own environments: that of Airflow 3, built from its lock where PyPI's packages can be had; of Airflow 2 where it is."""

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


@pytest.fixture(scope="session", params=["airflow", "airflow2"])
def either_python(request: pytest.FixtureRequest) -> Path:
    """The Python that has Airflow 3, and that which has Airflow 2."""
    found = environment(request.param)
    if isinstance(found, str):
        pytest.skip(found)
    return found
