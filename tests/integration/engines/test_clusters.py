"""Clusters by address: a pipeline's steps run in Python processes that the cluster's own worker has started."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from pipeline.document.models import RunConfig
from pipeline.engines.base import Context, engine_for
from tests.integration.engines import clusters

pytestmark = pytest.mark.integration


def parents(process: int) -> list[int]:
    """Returns the processes that a process comes from, the nearest first."""
    found = []
    while process > 1:
        status = Path(f"/proc/{process}/status").read_text()
        process = int(status.partition("PPid:")[2].split()[0])
        found.append(process)
    return found


def note(number: int, folder: str) -> int:
    """Writes which program each of the processes is that a worker comes from."""
    programs = [Path(f"/proc/{one}/cmdline").read_bytes().decode() for one in parents(os.getpid()) if one > 1]
    Path(folder, str(os.getpid())).write_text("\n".join(programs))
    return number * number


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells where a process comes from")
@pytest.mark.parametrize(
    ("engine", "option", "worker"),
    [
        ("flink", "flink_master", "TaskManagerRunner"),
        ("spark", "spark_master_url", "CoarseGrainedExecutorBackend"),
    ],
)
def test_the_clusters_own_processes_start_the_workers(
    engine: str, option: str, worker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    for name in ("cluster", "seen", "log"):
        (tmp_path / name).mkdir()
    command = Path(sys.executable).parent / "penstock-beam-worker"
    with getattr(clusters, engine)(tmp_path / "cluster") as master:
        environment = ["--environment_type=PROCESS", f"--environment_options=process_command={command}"]
        run = RunConfig(beam=engine, beam_args=[f"--{option}={master}", *environment], workers=2)
        started = engine_for(run, "").started(run, Context("cluster", folder=tmp_path / "log"))
        with started as args, beam.Pipeline(options=PipelineOptions(args)) as pipeline:
            numbers = pipeline | beam.Create(range(40)) | beam.Reshuffle()
            squares = numbers | beam.Map(note, str(tmp_path / "seen"))
            _ = squares | beam.CombineGlobally(sum) | beam.Map(_write, str(tmp_path / "sum"))
    assert (tmp_path / "sum").read_text() == str(sum(n * n for n in range(40)))
    seen = list((tmp_path / "seen").iterdir())
    assert seen
    assert all(worker in one.read_text() for one in seen)


def _write(total: int, file: str) -> None:
    Path(file).write_text(str(total))
