"""That nothing of a run on an engine's embedded cluster can be reached from another machine."""

from __future__ import annotations

import ipaddress
import json
import os
import sys
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from tests.integration.engines.listening import addresses

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the sockets of a process"),
]


def look(ancestor: int, file: str) -> None:
    """Writes what is listened on while a worker works."""
    Path(file).write_text(json.dumps({name: [*found] for name, found in addresses(ancestor).items()}))


def test_every_server_of_a_run_listens_on_this_machine_alone(arguments: list[str], tmp_path: Path) -> None:
    file = tmp_path / "seen.json"
    with beam.Pipeline(options=PipelineOptions(arguments)) as pipeline:
        given = pipeline | "Name" >> beam.Create([(os.getpid(), str(file))]) | "Shuffle" >> beam.Reshuffle()
        given | "Look" >> beam.MapTuple(look)
    found = json.loads(file.read_text())
    assert found["java"]
    outside = {
        name: [one for one in them if not ipaddress.ip_address(one).is_loopback]
        for name, them in found.items()
    }
    assert not any(outside.values()), outside
