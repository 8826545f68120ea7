"""That nothing of a run on an engine's embedded cluster can be reached from another machine."""

from __future__ import annotations

import ipaddress
import json
import os
import sys
from pathlib import Path

import pytest

from pipeline.document.models import RunConfig
from pipeline.engines.base import Context, engine_for
from tests.integration.engines.listening import addresses

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the sockets of a process"),
]


def look(ancestor: int, file: str) -> None:
    """Writes what is listened on while a worker works."""
    Path(file).write_text(json.dumps({name: [*found] for name, found in addresses(ancestor).items()}))


@pytest.mark.parametrize("engine", ["flink", "spark"])
def test_every_server_of_a_run_listens_on_this_machine_alone(engine: str, tmp_path: Path) -> None:
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions

    run, file = RunConfig(beam=engine, workers=1), tmp_path / "seen.json"
    with (
        engine_for(run, "").started(run, Context("looking", folder=tmp_path)) as args,
        beam.Pipeline(options=PipelineOptions(args)) as pipeline,
    ):
        seen = pipeline | "Name" >> beam.Create([(os.getpid(), str(file))]) | "Shuffle" >> beam.Reshuffle()
        seen | "Look" >> beam.MapTuple(look)  # type: ignore[operator]
    found = json.loads(file.read_text())
    assert found["java"]
    outside = {
        name: [one for one in them if not ipaddress.ip_address(one).is_loopback]
        for name, them in found.items()
    }
    assert not any(outside.values()), outside
