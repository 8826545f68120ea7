"""A worker: a complete server that opens its ports, reloads and reports its states together with the others.

Only the supervisor runs this file, with the number of its open socket.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from typing import Any

from serving.server.config.model_config import ServerConfig
from serving.server.config.options import Options
from serving.server.models.manager import ModelManager
from serving.server.process import FAILURE, log_to_stderr, run_on_loop, set_up_tensorflow
from serving.server.server import ModelServer, Parts
from serving.server.status import ServingError
from serving.server.workers.peer import Peer
from serving.server.workers.shared_manager import SharedManager

log = logging.getLogger(__name__)


class WorkerServer(ModelServer):
    """One of several server processes.

    Args:
        options: The server's options, with the current configuration.
        peer: The supervisor.
    """

    manager_type = SharedManager

    def __init__(self, options: Options, peer: Peer) -> None:
        super().__init__(options)
        self._peer = peer
        self._parts: Parts | None = None

    def connect(self, parts: Parts) -> None:
        """Starts to answer the supervisor."""
        self._parts = parts
        manager = self._manager()
        manager.join(self._peer)
        parts.metrics.gather = lambda: self._peer.call("metrics")
        for name, said in self._waiting_news:
            manager.hear(name, said)

    _waiting_news: tuple[tuple[int, Any], ...] = ()

    async def prepare(self, parts: Parts) -> None:
        """Waits until the models of all workers are available."""
        await super().prepare(parts)
        await self._peer.call("ready")

    async def opened(self, parts: Parts) -> None:
        """Reports that the ports are open."""
        await self._peer.call("opened")

    async def check(self, config: ServerConfig) -> None:
        """Checks a configuration: the first phase of a reload."""
        self._manager().check(config)

    async def commit(self, config: ServerConfig) -> list[str]:
        """Applies a configuration and returns the new models: the second phase of a reload."""
        return self._manager().apply(config, checked=True)

    async def idle(self, names: list[str]) -> None:
        """Waits until no new model is being loaded: the third phase of a reload."""
        await self._manager().idle(names)

    async def available(self, names: list[str]) -> None:
        """Waits until the new models are available: the last phase of a reload."""
        await self._manager().available(names)

    async def snapshot(self, _: None) -> Any:
        """Returns this worker's metrics."""
        return self._parts.metrics.snapshot() if self._parts else {}

    async def hear(self, news: tuple[int, Any]) -> None:
        """Stores another worker's statuses."""
        if self._parts is None:
            self._waiting_news = (*self._waiting_news, news)
        else:
            self._manager().hear(*news)

    def _manager(self) -> SharedManager:
        manager: ModelManager | None = self._parts.manager if self._parts else None
        assert isinstance(manager, SharedManager), "the supervisor only calls workers that are ready"
        return manager


async def _work(end: socket.socket) -> None:
    handlers: dict[str, Any] = {}
    peer = await Peer.connect(end, handlers)
    number, options = await peer.call("hello")
    log_to_stderr(f"worker {number}: ")
    server = WorkerServer(options, peer)
    for name in ("check", "commit", "idle", "available", "snapshot", "hear"):
        handlers[name] = getattr(server, name)
    await peer.call("listening")
    peer.when_closed(server.ending.begin)  # Without a supervisor nobody keeps the workers in step.
    try:
        await server.serve()
    except ServingError as error:
        await peer.call("failed", (int(error.code), error.message))
        raise


def main() -> None:
    """Runs a worker over the supervisor's socket."""
    log_to_stderr()
    set_up_tensorflow()
    code = 0
    try:
        run_on_loop(_work(socket.socket(fileno=int(sys.argv[1]))))
    except ServingError:
        code = FAILURE  # The supervisor knows why.
    except ConnectionError as error:
        log.error("The supervisor is gone: %s", error)  # noqa: TRY400 - a line for the operator
        code = FAILURE
    logging.shutdown()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
