from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline.announce.airflow import Airflow
from tests.pipeline.announce.double import TOKEN, AirflowDouble, serving


@pytest.fixture
def server() -> Iterator[AirflowDouble]:
    with serving() as running:
        yield running


@pytest.fixture
def airflow(server: AirflowDouble) -> Airflow:
    return Airflow(server.address, TOKEN, seconds=30)
