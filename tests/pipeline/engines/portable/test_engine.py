"""What an engine behind a job server checks before a run, and which arguments Beam gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.document.models import RunConfig
from pipeline.engines.base import Context, Engine, engine_for
from pipeline.engines.flink import FlinkEngine
from pipeline.engines.portable.engine import option
from pipeline.engines.spark import SparkEngine

NODE = Context("taxi", "2026-01-01", "Transform", 2)
BOTH = pytest.mark.parametrize("name", ["flink", "spark"])
ADDRESS = {"flink": "--flink_master=there:8081", "spark": "--spark_master_url=spark://there:7077"}


def certain(engine: Engine, run: RunConfig) -> list[str]:
    return [str(remark) for remark in engine.check(run, NODE) if remark.certain]


def on_path(folder: Path, *programs: str) -> str:
    for program in programs:
        (folder / program).write_text("#!/bin/sh\n", encoding="utf-8")
        (folder / program).chmod(0o755)
    return str(folder)


@pytest.fixture(autouse=True)
def _machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with Java and Maven, and no jars."""
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.delenv("PENSTOCK_FLINK_JOB_SERVER", raising=False)
    monkeypatch.delenv("PENSTOCK_SPARK_JOB_SERVER", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", on_path(tmp_path, "java", "mvn"))


@BOTH
def test_a_job_is_named_and_gets_as_many_processes_as_workers(name: str) -> None:
    run = RunConfig(beam=name, workers=3)
    args = engine_for(run, "Transform").args(run, NODE)
    assert option("job_name", args) == "taxi-Transform-2026-01-01-a2"
    assert option("parallelism", args) == option("sdk_worker_parallelism", args) == "3"
    assert option("runner", args).endswith(".PortableRunner")


@BOTH
def test_what_the_document_says_replaces_an_argument(name: str) -> None:
    run = RunConfig(beam=name, workers=3, beam_args=["--parallelism=16"])
    args = engine_for(run, "Transform").args(run, NODE)
    assert [one for one in args if one.startswith("--parallelism")] == ["--parallelism=16"]


@BOTH
def test_a_machine_with_java_and_maven_is_enough(name: str) -> None:
    run = RunConfig(beam=name)
    assert certain(engine_for(run, "Transform"), run) == []


@BOTH
def test_without_java_the_run_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    run = RunConfig(beam=name)
    (said,) = certain(engine_for(run, "Transform"), run)
    assert "expected Java 11 or 17" in said
    assert "--job_endpoint" in said


@BOTH
def test_without_jars_and_maven_the_run_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mvn").unlink()
    run = RunConfig(beam=name)
    (said,) = certain(engine_for(run, "Transform"), run)
    assert f"set PENSTOCK_{name.upper()}_JOB_SERVER" in said
    monkeypatch.setenv(f"PENSTOCK_{name.upper()}_JOB_SERVER", str(tmp_path))
    assert certain(engine_for(run, "Transform"), run) == []


@BOTH
def test_a_cluster_needs_to_know_how_to_start_python(name: str) -> None:
    run = RunConfig(beam=name, beam_args=[ADDRESS[name]])
    (said,) = certain(engine_for(run, "Transform"), run)
    assert "expected --environment_type" in said
    run = RunConfig(beam=name, beam_args=[ADDRESS[name], "--environment_type=DOCKER"])
    assert certain(engine_for(run, "Transform"), run) == []


@BOTH
def test_a_running_job_server_needs_nothing_here(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    run = RunConfig(beam=name, beam_args=["--job_endpoint=there:8099"])
    engine = engine_for(run, "Transform")
    assert engine.check(run, NODE) == []
    with engine.started(run, NODE) as args:
        assert option("job_endpoint", args) == "there:8099"


@BOTH
def test_a_cluster_within_the_job_server_is_no_reason_to_warn(name: str) -> None:
    run = RunConfig(beam=name)
    assert engine_for(run, "Transform").check(run, NODE) == []


def test_only_executors_of_a_cluster_have_to_reach_sparks_driver() -> None:
    engine = SparkEngine()
    run = RunConfig(beam="spark", beam_args=[ADDRESS["spark"], "--environment_type=DOCKER"])
    (remark,) = engine.check(run, NODE)
    assert not remark.certain
    assert "Spark's driver listens on the network" in str(remark)
    assert "spark.driver.bindAddress" not in engine.properties("spark://there:7077")
    assert engine.properties("local[2]")["spark.driver.bindAddress"] == "localhost"


def test_only_a_flink_within_the_job_server_is_told_where_to_listen(tmp_path: Path) -> None:
    engine, folder = FlinkEngine(), tmp_path / "server"
    folder.mkdir()
    assert engine.server_arguments("there:8081", folder) == ["--flink-master=there:8081"]
    assert list(folder.iterdir()) == []
    assert f"--flink-conf-dir={folder}" in engine.server_arguments("[local]", folder)
    for name in ("flink-conf.yaml", "config.yaml"):
        assert "rest.bind-address: localhost\n" in (folder / name).read_text(encoding="utf-8")
