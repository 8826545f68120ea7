"""Real clusters on loopback, made of what the job servers' own jars hold: each with a master and a worker in processes of their own."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline.engines.portable import java
from pipeline.engines.portable.jars import Jars
from tests.side_by_side import free_port

FLINK = """\
jobmanager.rpc.address: localhost
jobmanager.rpc.port: {rpc}
jobmanager.bind-host: localhost
jobmanager.memory.process.size: 1g
rest.address: localhost
rest.bind-address: localhost
rest.port: {rest}
taskmanager.host: localhost
taskmanager.bind-host: localhost
taskmanager.numberOfTaskSlots: 2
taskmanager.cpu.cores: 2
taskmanager.memory.framework.heap.size: 128m
taskmanager.memory.framework.off-heap.size: 128m
taskmanager.memory.jvm-metaspace.size: 256m
taskmanager.memory.jvm-overhead.min: 192m
taskmanager.memory.jvm-overhead.max: 192m
taskmanager.memory.task.heap.size: 256m
taskmanager.memory.task.off-heap.size: 0m
taskmanager.memory.managed.size: 64m
taskmanager.memory.network.min: 64m
taskmanager.memory.network.max: 64m
io.tmp.dirs: {folder}
"""
SECONDS = 120.0


@contextlib.contextmanager
def flink(folder: Path) -> Iterator[str]:
    """Runs a session cluster of Flink with one task manager of two slots; gives its ``--flink_master``.

    Args:
        folder: An empty folder for its files.
    """
    rpc, rest = free_port(), free_port()
    (folder / "flink-conf.yaml").write_text(FLINK.format(rpc=rpc, rest=rest, folder=folder))
    entry, conf = "org.apache.flink.runtime", ("--configDir", str(folder))
    with (
        _running(
            "flink", (f"{entry}.entrypoint.StandaloneSessionClusterEntrypoint", *conf), folder / "master.log"
        ),
        _running(
            "flink", (f"{entry}.taskexecutor.TaskManagerRunner", *conf), folder / "worker.log"
        ) as worker,
    ):
        _wait_for(rest, folder / "master.log")
        overview = f"http://127.0.0.1:{rest}/overview"
        while not json.load(urllib.request.urlopen(overview, timeout=60))["taskmanagers"]:
            assert worker.poll() is None, (folder / "worker.log").read_text()[-3000:]
            time.sleep(0.1)
        yield f"localhost:{rest}"


@contextlib.contextmanager
def spark(folder: Path) -> Iterator[str]:
    """Runs a standalone cluster of Spark with one worker of two cores; gives its ``--spark_master_url``.

    Args:
        folder: An empty folder for its files.
    """
    (folder / "jars").mkdir()
    for jar in Jars("spark").files():
        (folder / "jars" / jar.name).symlink_to(jar)
    port, place = free_port(), {"SPARK_HOME": str(folder), "SPARK_SCALA_VERSION": "2.12"}
    master = (
        "org.apache.spark.deploy.master.Master",
        "--host",
        "localhost",
        "--port",
        str(port),
        "--webui-port",
        "0",
    )
    url = f"spark://localhost:{port}"
    worker = (
        "org.apache.spark.deploy.worker.Worker",
        url,
        "--host",
        "localhost",
        "--cores",
        "2",
        "--memory",
        "1g",
    )
    where = ("--webui-port", "0", "--work-dir", str(folder / "work"))
    with _running("spark", master, folder / "master.log", place):
        _wait_for(port, folder / "master.log")
        with _running("spark", (*worker, *where), folder / "worker.log", place):
            yield url


@contextlib.contextmanager
def _running(
    engine: str, command: tuple[str, ...], log: Path, variables: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    program = java.find_java()
    assert program is not None
    paths = ":".join(map(str, Jars(engine).files()))
    temporary = f"-Djava.io.tmpdir={log.parent}"
    with log.open("wb") as said:
        process = subprocess.Popen(
            [str(program), *java.opened(), temporary, "-cp", paths, *command],
            stdout=said,
            stderr=said,
            env={**os.environ, **(variables or {})},
            cwd=log.parent,
        )
    try:
        yield process
        assert process.poll() is None, log.read_text()[-3000:]
    finally:
        process.terminate()
        process.wait(60)


def _wait_for(port: int, log: Path) -> None:
    until = time.monotonic() + SECONDS
    while True:
        with socket.socket() as probe:
            if not probe.connect_ex(("127.0.0.1", port)):
                return
        assert time.monotonic() < until, log.read_text()[-3000:]
        time.sleep(0.1)
