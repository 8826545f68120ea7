"""What a machine needs for the engines behind a job server."""

from __future__ import annotations

import pytest

from pipeline.engines.portable.jars import Jars
from pipeline.engines.portable.java import find_java
from pipeline.engines.portable.maven import find_maven


@pytest.fixture(autouse=True, scope="session")
def _job_servers() -> None:
    if find_java() is None:
        pytest.skip("there is no Java on this machine")
    if find_maven() is None and not all(Jars(one).present() for one in ("flink", "spark")):
        pytest.skip("there are no job servers on this machine, and no Maven to fetch them")
