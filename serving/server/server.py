"""The assembled server: manager, engine and both front ends on one event loop, from start to drain."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundation.errors import PenstockError
from serving.server import ports
from serving.server.config import text_configs
from serving.server.config.model_config import ServerConfig, parse_config
from serving.server.config.options import Options
from serving.server.ending import Ending
from serving.server.engine.tensorflow_import import import_tensorflow
from serving.server.models.manager import ModelManager
from serving.server.status import Code, ServingError

if TYPE_CHECKING:
    from serving.experiments.hosted import Hosted
    from serving.server.arms.arms import Arms

log = logging.getLogger(__name__)


class ModelServer:
    """One server process.

    Args:
        options: Checked options.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self.ending = Ending(options.drain_seconds)
        self._tasks: list[asyncio.Task[None]] = []
        self._experiments: Hosted | None = None

    manager_type: type[ModelManager] = ModelManager

    async def serve(self) -> None:
        """Loads, opens the ports, serves, and drains once told to stop.

        Raises:
            ServingError: The server cannot start.
        """
        self.ending.listen()
        try:
            parts = await asyncio.to_thread(Parts, self._options, self.manager_type)
        except ServingError:
            raise
        except Exception as error:
            raise _start_failure(error) from error
        try:
            fronts = await self._start(parts)
            if fronts is not None:
                await self.ending.wait()
                await fronts.drain()
        finally:
            for task in self._tasks:
                task.cancel()
            if self._experiments is not None:
                await asyncio.to_thread(self._experiments.close)
            await asyncio.to_thread(parts.close)

    async def _start(self, parts: Parts) -> _Fronts | None:
        try:
            self.connect(parts)
            config = self._options.model_config
            parts.manager.start(config if config is not None else ServerConfig())
            if not await self.ending.unless(self.prepare(parts)):
                return None
            self._experiments = await _experiments(self._options)
            fronts = _Fronts(parts, self._options, self._experiments)
            self.ending.serving()
            await fronts.open()
            await self.opened(parts)
        except ServingError:
            raise
        except Exception as error:
            raise _start_failure(error) from error
        return fronts

    def connect(self, parts: Parts) -> None:
        """Hook that runs before anything is loaded."""

    async def prepare(self, parts: Parts) -> None:
        """Waits until the ports may be opened."""
        await parts.manager.ready()

    async def opened(self, parts: Parts) -> None:
        """Hook that runs once the ports are open."""
        ports.announce(self._options)
        if self._options.model_config_file and self._options.model_config_file_poll_wait_seconds > 0:
            self._tasks.append(asyncio.create_task(self._poll_config_file(parts.manager)))

    async def _poll_config_file(self, manager: ModelManager) -> None:
        path = self._options.model_config_file
        while True:
            await asyncio.sleep(self._options.model_config_file_poll_wait_seconds)
            try:
                text = await asyncio.to_thread(text_configs.read_text, path)
                await manager.follow(parse_config(text, path))
            except ServingError as error:
                log.error("Reloading %s failed, the models stay as they are: %s", path, error)  # noqa: TRY400 - a line for the operator


async def _experiments(options: Options) -> Hosted | None:
    """Starts the experiments of the options' document.

    Raises:
        ServingError: The document, its state or its tokens are wrong.
    """
    if not options.experiments:
        return None
    from serving.experiments.hosted import Hosted
    from serving.experiments.live.endpoints import METRICS

    if options.monitoring_path == METRICS:
        raise ServingError(
            Code.INVALID_ARGUMENT,
            f"--monitoring_config_file: expected a path other than {METRICS}, which is the experiments' own",
        )
    try:
        return await asyncio.to_thread(Hosted, Path(options.experiments), [options.host or "0.0.0.0"])
    except PenstockError as error:
        raise ServingError(Code.INVALID_ARGUMENT, f"--experiments: {error}") from error


def _start_failure(error: Exception) -> ServingError:
    log.error("The server could not start", exc_info=error)
    return ServingError(Code.INTERNAL, f"{type(error).__name__}: {error}")


class Parts:
    """The parts without a port: engine, manager, metrics, request log. Built in a thread, because it loads TensorFlow."""

    def __init__(self, options: Options, manager_type: type[ModelManager] = ModelManager) -> None:
        # Once, before versions load in separate threads: two threads cannot import TensorFlow at the same time.
        import_tensorflow()

        from serving.server.engine.execution import Execution
        from serving.server.inference import Inference
        from serving.server.loading.loader import VersionLoader, session_settings
        from serving.server.metrics import Metrics
        from serving.server.request_log import RequestLog

        self.metrics = Metrics()
        self.request_log = RequestLog(options, self.metrics)
        loader = VersionLoader(options, session_settings(options), self.metrics)
        self.manager = manager_type(loader, options, self.request_log.configure)
        self.execution = Execution(options.session_threads, self.metrics)
        self.inference = Inference(self.manager, self.execution, options, self.metrics)

    def close(self) -> None:
        """Unloads everything and writes pending log records."""
        self.manager.stop(timeout=1.0)
        self.execution.close()
        self.request_log.close()


class _Fronts:
    """The two front ends."""

    def __init__(self, parts: Parts, options: Options, experiments: Hosted | None) -> None:
        from serving.server.grpc.front import build_grpc_server
        from serving.server.rest.front import build_http_server

        self._options = options
        self._arguments = (parts.inference, parts.manager, options, parts.metrics, parts.request_log)
        self._own = None if experiments is None else experiments.control
        self._arms: Arms | None = None
        if experiments is not None:
            from serving.server.arms.arms import Arms

            self._arms = Arms(experiments.live)
        self._build_grpc, self._build_http = build_grpc_server, build_http_server
        self._grpc: Any = None
        self._http: Any = None
        self._health: Any = None

    async def open(self) -> None:
        """Opens the ports.

        Raises:
            ServingError: A port cannot be bound, or the TLS files are wrong.
        """
        listeners = ports.bind_http(self._options) if self._options.http_port else []
        try:
            await self._open_grpc()
            if listeners:
                self._http = self._build_http(*self._arguments, self._arms, self._own)
                await self._http.start(listeners)
        except ServingError:
            for listener in listeners:
                listener.close()
            if self._grpc is not None:
                await self._grpc.stop(0)
            raise

    async def _open_grpc(self) -> None:
        options = self._options
        if options.port and options.worker_processes == 1:
            # gRPC would silently share the port with another server.
            ports.check_free(options.host, options.port, "gRPC")
        if options.enable_grpc_healthcheck_service:
            from serving.server.grpc.health import Health

            self._health = Health()
        self._grpc = self._build_grpc(*self._arguments, self._health, self._arms)
        await self._grpc.start()

    async def drain(self) -> None:
        """Accepts nothing new and finishes requests in flight, within the drain time."""
        seconds = self._options.drain_seconds
        if self._health is not None:
            self._health.drain()
        stops = [self._grpc.stop(seconds)]
        if self._http is not None:
            stops.append(self._http.stop(seconds))
        await asyncio.gather(*stops)
        if self._arms is not None:
            self._arms.close()
        if self._options.grpc_socket_path:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._options.grpc_socket_path)
        log.info("Drained; stopping")
