"""What a machine needs for the engines behind a job server, and one of each with a worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline.document.models import RunConfig
from pipeline.engines.base import Context, engine_for
from pipeline.engines.portable.jars import Jars
from pipeline.engines.portable.java import find_java
from pipeline.engines.portable.maven import find_maven


@pytest.fixture(autouse=True, scope="session")
def _job_servers() -> Iterator[None]:
    if find_java() is None:
        pytest.skip("there is no Java on this machine")
    if find_maven() is None and not all(Jars(one).present() for one in ("flink", "spark")):
        pytest.skip("there are no job servers on this machine, and no Maven to fetch them")
    with pytest.MonkeyPatch.context() as patch:
        # Java compiles its code less well, which pays for jobs of seconds.
        patch.setenv("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
        yield


@pytest.fixture(scope="session", params=["flink", "spark"])
def arguments(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[str]]:
    """The arguments of pipelines on an engine with one worker, which this process has started."""
    run, folder = RunConfig(beam=request.param, workers=1), tmp_path_factory.mktemp(request.param)
    with engine_for(run, "").started(run, Context("small", folder=folder)) as args:
        yield args
