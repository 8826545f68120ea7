"""Workers of an embedded cluster: the engine asks for one by Beam's protocol, and a process that is ready forks it."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from foundation.errors import NodeError
from foundation.processes import children
from pipeline.engines.portable import forker

log = logging.getLogger(__name__)

_PAUSE = 0.05
_LAST_BREATH = 5.0
"""Seconds that a process may take to end."""


@contextmanager
def worker_pool(folder: Path, output: Path, modules: Sequence[str]) -> Iterator[str]:
    """Serves an engine's requests for workers.

    Call it in the main thread: on Linux the process that forks them ends with the thread that started it.

    Args:
        folder: A folder of its own, with a short path: it holds a socket.
        output: File for what the workers print.
        modules: What workers need, loaded once.

    Yields:
        The address of the service, ``host:port``, for Beam's ``EXTERNAL`` environment.
    """
    place = folder / "workers"
    forking = children.start("pipeline.engines.portable.forker:main", [str(place), *modules], output=output)
    service = _Workers(place, forking, output)
    server = _listening(service)
    try:
        yield server.address
    finally:
        server.stop()
        forking.terminate()  # it ends the workers, too
        with suppress(subprocess.TimeoutExpired):
            forking.wait(_LAST_BREATH)
        if forking.poll() is None:
            forking.kill()


class _Listening:
    """A gRPC server on a free port of this machine alone."""

    def __init__(self, server: Any, address: str) -> None:
        self._server, self.address = server, address

    def stop(self) -> None:
        self._server.stop(grace=None).wait()


def _listening(service: _Workers) -> _Listening:
    import grpc
    from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc

    class Servicer(beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolServicer):
        """Beam's protocol in front of the workers."""

        def StartWorker(self, request: Any, context: Any) -> Any:  # noqa: N802 - Beam's name
            """Starts a worker, see Beam."""
            try:
                service.start(request)
            except (OSError, NodeError) as error:
                return beam_fn_api_pb2.StartWorkerResponse(error=str(error))
            return beam_fn_api_pb2.StartWorkerResponse()

        def StopWorker(self, request: Any, context: Any) -> Any:  # noqa: N802 - Beam's name
            """Stops a worker, see Beam."""
            service.stop(request.worker_id)
            return beam_fn_api_pb2.StopWorkerResponse()

    server = grpc.server(ThreadPoolExecutor(4))
    beam_fn_api_pb2_grpc.add_BeamFnExternalWorkerPoolServicer_to_server(Servicer(), server)
    port = server.add_insecure_port("localhost:0")
    server.start()
    return _Listening(server, f"localhost:{port}")


class _Workers:
    """The workers that were asked for.

    Args:
        place: Socket of the process that forks them.
        forking: That process.
        output: What it prints.
    """

    def __init__(self, place: Path, forking: children.Child, output: Path) -> None:
        self._place, self._forking, self._output = place, forking, output
        self._pids: dict[str, int] = {}

    def start(self, request: Any) -> None:
        """Starts a worker.

        Raises:
            NodeError: The process that forks has ended.
            OSError: It does not answer.
        """
        self._ready()
        arguments = [
            f"--id={request.worker_id}",
            f"--provision_endpoint={request.provision_endpoint.url}",
            f"--logging_endpoint={request.logging_endpoint.url}",
            f"--control_endpoint={request.control_endpoint.url}",
        ]
        self._pids[request.worker_id] = pid = forker.ask(self._place, arguments)
        log.info("Beam's worker %s is process %s", request.worker_id, pid)

    def stop(self, worker: str) -> None:
        """Stops a worker, if it still runs."""
        pid = self._pids.pop(worker, None)
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def _ready(self) -> None:
        deadline = time.monotonic() + forker.SECONDS
        while not self._place.exists():
            ended = self._forking.poll() is not None
            if ended or time.monotonic() > deadline:
                seen = f"exit code {self._forking.returncode}" if ended else "nothing"
                raise NodeError(
                    "Beam's workers",
                    expected="a process to fork them",
                    seen=seen,
                    remedy=f"read {self._output}",
                )
            time.sleep(_PAUSE)
