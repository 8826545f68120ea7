"""The supervisor: starts the workers, keeps them in step, and restarts dead ones, loudly."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import subprocess
import sys
from collections.abc import Awaitable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from serving.server import ports
from serving.server.config import text_configs
from serving.server.config.model_config import ServerConfig, parse_config, without_labels
from serving.server.config.options import Options
from serving.server.ending import Ending
from serving.server.metrics.metrics import Snapshot
from serving.server.status import Code, ServingError
from serving.server.workers.merged import Wire, add_up
from serving.server.workers.peer import Peer, PeerGoneError

log = logging.getLogger(__name__)
_WORKER = Path(__file__).with_name("worker.py")
_LONGEST_PAUSE = 30.0
_MARGIN_SECONDS = 10.0  # Time beyond the drain before a worker is killed.


class _Worker:
    """One worker process as the supervisor sees it."""

    def __init__(self, number: int, process: subprocess.Popen[bytes]) -> None:
        self.number = number
        self.process = process
        self.peer: Peer
        self.ready = self.serving = False
        self.states: Wire = {}
        self.metrics: Snapshot = {}
        self.error: ServingError | None = None


class Supervisor:
    """The parent of several workers behind the same ports.

    Args:
        options: Checked options.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._config = options.model_config or ServerConfig()
        self._workers: dict[int, _Worker] = {}
        self._retired: Snapshot = {}  # The last known metrics of workers that died.
        self._reloads = asyncio.Lock()
        self._all_ready = asyncio.Event()
        self._all_serving = asyncio.Event()
        self._started = False
        self._failure: asyncio.Future[None]

    async def run(self) -> None:
        """Serves until SIGTERM or SIGINT.

        Raises:
            ServingError: A worker cannot start.
        """
        self._ending = Ending(self._options.drain_seconds, self._kill)
        self._ending.listen()
        self._check_ports()
        self._failure = asyncio.get_running_loop().create_future()
        keepers = [asyncio.create_task(self._keep(n)) for n in range(self._options.worker_processes)]
        tasks = list(keepers)
        try:
            if await self._ending.unless(self._first_start()):
                tasks.append(asyncio.create_task(self._follow_config_file()))
                await self._ending.wait()
        finally:
            self._ending.begin()
            self._terminate()
            await asyncio.wait(keepers, timeout=self._options.drain_seconds + _MARGIN_SECONDS)
            self._kill()
            for task in tasks:
                task.cancel()

    async def _first_start(self) -> None:
        serving = asyncio.ensure_future(self._all_serving.wait())
        first: list[asyncio.Future[Any]] = [serving, self._failure]
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        if self._failure.done():
            serving.cancel()
            self._failure.result()
        self._started = True
        self._ending.serving()
        ports.announce(self._options)
        log.info("%d worker processes share the ports", self._options.worker_processes)

    def _check_ports(self) -> None:
        """Refuses ports in use: workers would silently share them with another server's workers."""
        for port, protocol in ((self._options.port, "gRPC"), (self._options.http_port, "HTTP")):
            if port:
                ports.check_free(self._options.host, port, protocol)

    # The processes.

    async def _keep(self, number: int) -> None:
        pause = 0.0
        while not self._ending.begun:
            try:
                worker = await self._spawn(number)
            except OSError as error:
                log.error("WORKER %d CANNOT BE STARTED: %s", number, error)  # noqa: TRY400 - a line for the operator
                self._fail(ServingError(Code.RESOURCE_EXHAUSTED, f"a worker cannot be started: {error}"))
                pause = min(max(1.0, 2 * pause), _LONGEST_PAUSE)
                await self._rest(pause)
                continue
            code = await asyncio.to_thread(worker.process.wait)
            self._lose(worker)
            if self._ending.begun:
                return
            if not self._started:
                self._fail(worker.error or _ended(worker, code))
                return
            pause = 0.0 if worker.serving else min(max(1.0, 2 * pause), _LONGEST_PAUSE)
            log.error(
                "WORKER %d DIED (process %d, exit code %d%s); requests in flight on it are lost; restarting it%s",
                number,
                worker.process.pid,
                code,
                f", {worker.error}" if worker.error else "",
                f" in {pause:.0f} s" if pause else "",
            )
            await self._rest(pause)

    async def _rest(self, seconds: float) -> None:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._ending.wait(), max(seconds, 0.01))

    def _fail(self, error: ServingError) -> None:
        if not self._started and not self._failure.done():
            self._failure.set_exception(error)

    async def _spawn(self, number: int) -> _Worker:
        ours, theirs = socket.socketpair()
        try:
            process = subprocess.Popen(
                # By path: ``-m`` would look for the module in the working directory first.
                [sys.executable, str(_WORKER), str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                # Its own session, so that Ctrl-C reaches only the supervisor.
                start_new_session=True,
            )
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        worker = self._workers[number] = _Worker(number, process)
        calls = ("hello", "listening", "ready", "opened", "failed", "states", "reload", "metrics")
        handlers = {name: _bound(getattr(self, f"_on_{name}"), worker) for name in calls}
        worker.peer = await Peer.connect(ours, handlers)
        return worker

    def _lose(self, worker: _Worker) -> None:
        worker.peer.close()
        del self._workers[worker.number]
        add_up(self._retired, worker.metrics)
        self._tell_others(worker, None)

    def _terminate(self) -> None:
        for worker in self._workers.values():
            worker.process.terminate()

    def _kill(self) -> None:
        for worker in self._workers.values():
            worker.process.kill()

    # What workers call.

    async def _on_hello(self, worker: _Worker, _: None) -> tuple[int, Options]:
        config = without_labels(self._config) if self._started else self._config
        return worker.number, replace(self._options, model_config=config)

    async def _on_listening(self, worker: _Worker, _: None) -> None:
        for other in self._others(worker):
            worker.peer.tell("hear", (other.number, other.states))

    async def _on_ready(self, worker: _Worker, _: None) -> None:
        """Waits until the worker may open its ports."""
        if not self._started:
            worker.ready = True
            if sum(one.ready for one in self._workers.values()) == self._options.worker_processes:
                self._all_ready.set()
            await self._all_ready.wait()
            return
        async with self._reloads:
            names = await worker.peer.call("commit", self._config)
        await worker.peer.call("available", names)

    async def _on_opened(self, worker: _Worker, _: None) -> None:
        worker.serving = True
        self._tell_others(worker, worker.states)
        if sum(one.serving for one in self._workers.values()) == self._options.worker_processes:
            self._all_serving.set()
        if self._started:
            log.warning("Worker %d is serving again (process %d)", worker.number, worker.process.pid)

    async def _on_failed(self, worker: _Worker, failure: tuple[int, str]) -> None:
        worker.error = ServingError(Code(failure[0]), failure[1])

    async def _on_states(self, worker: _Worker, states: Wire) -> None:
        worker.states = states
        if worker.serving or not self._started:
            self._tell_others(worker, states)

    async def _on_reload(self, worker: _Worker, config: ServerConfig) -> None:
        await self._reload(config)

    async def _on_metrics(self, worker: _Worker, _: None) -> list[Snapshot]:
        """Returns the metrics of all other workers, dead ones included."""
        await self._everywhere("snapshot", None, self._others(worker), self._keep_metrics)
        return [one.metrics for one in self._others(worker)] + [self._retired]

    def _keep_metrics(self, worker: _Worker, metrics: Snapshot) -> None:
        worker.metrics = metrics

    # All or none.

    async def _reload(self, config: ServerConfig, *, wait: bool = True) -> None:
        new: dict[int, list[str]] = {}

        def note(worker: _Worker, names: list[str]) -> None:
            new[worker.number] = names

        async with self._reloads:
            await self._everywhere("check", config, self._serving())
            self._config = config
            await self._everywhere("commit", config, self._serving(), note)
            names = sorted({name for found in new.values() for name in found})
            await self._everywhere("idle", names, self._serving())
        if wait:
            await self._everywhere("available", names, self._serving())

    async def _everywhere(
        self, call: str, argument: Any, workers: Iterable[_Worker], note: Any = None
    ) -> None:
        """Calls all workers; raises the first error once all have answered. A worker that dies is ignored."""
        chosen = list(workers)
        answers = await asyncio.gather(
            *(worker.peer.call(call, argument) for worker in chosen), return_exceptions=True
        )
        for worker, answer in zip(chosen, answers, strict=True):
            if isinstance(answer, PeerGoneError):
                continue
            if isinstance(answer, BaseException):
                raise answer
            if note is not None:
                note(worker, answer)

    async def _follow_config_file(self) -> None:
        path, seconds = self._options.model_config_file, self._options.model_config_file_poll_wait_seconds
        while path and seconds > 0:
            await asyncio.sleep(seconds)
            try:
                text = await asyncio.to_thread(text_configs.read_text, path)
                await self._reload(parse_config(text, path), wait=False)
            except ServingError as error:
                log.error("Reloading %s failed, the models stay as they are: %s", path, error)  # noqa: TRY400 - a line for the operator

    def _serving(self) -> list[_Worker]:
        return [worker for worker in self._workers.values() if worker.serving]

    def _others(self, worker: _Worker) -> list[_Worker]:
        return [
            one for one in self._workers.values() if one is not worker and (one.serving or not self._started)
        ]

    def _tell_others(self, worker: _Worker, states: Wire | None) -> None:
        for other in self._workers.values():
            if other is not worker:
                other.peer.tell("hear", (worker.number, states))


def _bound(method: Any, worker: _Worker) -> Any:
    def call(argument: Any) -> Awaitable[Any]:
        answer: Awaitable[Any] = method(worker, argument)
        return answer

    return call


def _ended(worker: _Worker, code: int) -> ServingError:
    return ServingError(
        Code.ABORTED, f"worker {worker.number} ended with exit code {code} before the server was ready"
    )
