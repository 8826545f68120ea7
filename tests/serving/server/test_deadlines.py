"""A model that never ends beside a quick one, in a real server: a run that nobody waits for any more is stopped."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.serving import graphs
from tests.serving.clients import GrpcClient, floats, predict_request
from tests.serving.server_process import ServerProcess, until

pytestmark = pytest.mark.component
pytest.importorskip("psutil")
MANY = 12
"""More requests than a server has threads for one model."""
HOUR = 3_600_000
BODY = json.dumps({"instances": [1.0]}).encode()
POST = b"POST /v1/models/endless:predict HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (
    len(BODY),
    BODY,
)


def endless(path: Path) -> Path:
    """Answers 0 at once; does not answer anything else, and computes until it is stopped."""

    def build() -> Any:
        import tensorflow as tf

        x = graphs.placeholder("float32")
        wide = tf.ones([64, 64]) / 64

        def step(_: Any, matrix: Any) -> Any:
            return tf.reduce_max(matrix), tf.matmul(matrix, wide)

        loop = tf.while_loop(lambda left, _: left > 0, step, [tf.reduce_max(x), wide])
        return {"serving_default": graphs.signature({"x": x}, {"y": x + loop[0]})}

    return graphs.write(path, build)


class World:
    """A server of both models."""

    def __init__(self, folder: Path, server: ServerProcess) -> None:
        import psutil

        self.folder, self.server = folder, server
        self.client = GrpcClient(server.address)
        self._process = psutil.Process(server.process.pid)

    def cpu(self) -> float:
        every = [self._process, *self._process.children(recursive=True)]
        return sum(sum(one.cpu_times()[:2]) for one in every)

    def busy(self) -> bool:
        """Whether the server computes, by its CPU time in a second; a small share, as others may compute too."""
        began, before = time.monotonic(), self.cpu()
        time.sleep(1.0)
        return self.cpu() - before > 0.05 * (time.monotonic() - began)

    def connect(self) -> list[socket.socket]:
        sockets = [socket.create_connection(("127.0.0.1", self.server.rest_port)) for _ in range(MANY)]
        for one in sockets:
            one.sendall(POST)
        return sockets

    def ask(self, seconds: float) -> list[Any]:
        request = predict_request("endless", {"x": floats(1.0)})
        return [self.client.prediction.Predict.future(request, timeout=seconds) for _ in range(MANY)]


def rest_timeout(world: World) -> None:
    """The server's own time limit for REST."""
    sockets = world.connect()
    assert {one.recv(12) for one in sockets} == {b"HTTP/1.1 504"}


def grpc_deadline(world: World) -> None:
    """The deadline of the call."""
    codes = {call.exception().code().name for call in world.ask(1.0)}
    assert codes == {"DEADLINE_EXCEEDED"}


def grpc_cancel(world: World) -> None:
    """A client that cancels long before its deadline."""
    calls = world.ask(HOUR / 1000)
    until(world.busy, 60)
    for call in calls:
        call.cancel()


def rest_hang_up(world: World) -> None:
    """A client that leaves long before the server's time limit."""
    sockets = world.connect()
    until(world.busy, 60)
    for one in sockets:
        one.close()


WAYS: tuple[Callable[[World], None], ...] = (rest_timeout, grpc_deadline, grpc_cancel, rest_hang_up)
FLAGS = {
    "alone": (),
    "batched": ("--enable_batching",),
    "TensorFlow's threads": ("--tensorflow_inter_op_parallelism=2",),
    "two processes": ("--worker_processes=2",),
}


@pytest.fixture
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    way, flags = request.param
    endless(tmp_path / "endless" / "1")
    graphs.constant(5.0)(tmp_path / "quick" / "1")
    models = (f'config {{ name: "{name}" base_path: "{tmp_path / name}" model_platform: "tensorflow" }}' for name in ("endless", "quick"))  # fmt: skip
    (tmp_path / "models.conf").write_text("model_config_list { " + " ".join(models) + " }")
    timeout = 1000 if way is rest_timeout else HOUR
    with ServerProcess(
        tmp_path,
        f"--model_config_file={tmp_path / 'models.conf'}",
        f"--rest_api_timeout_in_ms={timeout}",
        "--file_system_poll_wait_seconds=1",
        "--drain_seconds=1",
        *FLAGS[flags],
        fresh=True,
    ) as server:
        yield World(tmp_path, server)


def cases() -> Iterator[Any]:
    for way in WAYS:
        yield pytest.param((way, "alone"), way, id=way.__name__)
    for flags in list(FLAGS)[1:]:
        for way in (rest_timeout, grpc_cancel):
            yield pytest.param((way, flags), way, id=f"{way.__name__}, {flags}")


@pytest.mark.parametrize(("world", "leave"), cases(), indirect=["world"])
def test_a_run_that_nobody_waits_for_is_stopped(world: World, leave: Callable[[World], None]) -> None:
    assert world.client.value("endless", [0.0]) == [0.0]
    leave(world)
    until(lambda: not world.busy(), 60)  # The model itself never is idle again.
    assert world.client.value("quick") == [5.0]
    assert world.client.value("endless", [0.0]) == [0.0]

    graphs.constant(2.0)(world.folder / "staging" / "2").rename(world.folder / "endless" / "2")
    until(lambda: world.client.states("endless") == {1: "END", 2: "AVAILABLE"}, 60)
    assert world.client.value("endless") == [2.0]
    assert world.server.stop(60) == 0


@pytest.mark.parametrize("world", [(grpc_cancel, "alone")], indirect=True, ids=["alone"])
def test_a_busy_model_holds_up_neither_another_nor_the_end(world: World) -> None:
    calls = world.ask(HOUR / 1000)
    until(world.busy, 60)
    assert world.client.value("quick") == [5.0]
    assert not any(call.done() for call in calls)
    assert world.server.stop(60) == 0
    assert {call.exception().code().name for call in calls} <= {"UNAVAILABLE", "CANCELLED", "UNKNOWN"}


def endless_op(path: Path) -> Path:
    """One op that computes for a long time for a large ``x``, and that TensorFlow cannot interrupt."""

    def build() -> Any:
        import tensorflow as tf

        x = graphs.placeholder("float32")
        size = tf.cast(tf.reduce_max(x), tf.int32)
        huge = tf.linalg.matmul(tf.ones([size, size]), tf.ones([size, size]))
        return {"serving_default": graphs.signature({"x": x}, {"y": x + 0 * huge[0, 0]})}

    return graphs.write(path, build)


def test_an_op_that_cannot_be_interrupted_holds_up_neither_an_unload_nor_the_end(tmp_path: Path) -> None:
    """Four runs of 2 x 8,000^3 operations each, for a minute together; the server lets them go."""
    endless_op(tmp_path / "endless" / "1")
    graphs.constant(5.0)(tmp_path / "quick" / "1")
    models = (f'config {{ name: "{name}" base_path: "{tmp_path / name}" model_platform: "tensorflow" }}' for name in ("endless", "quick"))  # fmt: skip
    (tmp_path / "models.conf").write_text("model_config_list { " + " ".join(models) + " }")
    flags = ("--file_system_poll_wait_seconds=1", "--drain_seconds=1", "--tensorflow_intra_op_parallelism=1")
    with ServerProcess(
        tmp_path, f"--model_config_file={tmp_path / 'models.conf'}", *flags, fresh=True
    ) as server:
        client = GrpcClient(server.address)
        request = predict_request("endless", {"x": floats(8000.0)})
        calls = [client.prediction.Predict.future(request, timeout=1.0) for _ in range(4)]
        assert {call.exception().code().name for call in calls} == {"DEADLINE_EXCEEDED"}
        assert client.value("quick") == [5.0]
        graphs.constant(2.0)(tmp_path / "staging" / "2").rename(tmp_path / "endless" / "2")
        until(lambda: client.states("endless") == {1: "END", 2: "AVAILABLE"}, 60)
        assert "cannot be interrupted" in server.log
        assert client.value("endless") == [2.0]
        assert server.stop(60) == 0
