"""The server put together: manager, engine and both front ends on one event loop, from the start to the drained end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from types import FrameType
from typing import Any

from serving.server import sockets, text_configs
from serving.server.manager import ModelManager
from serving.server.model_config import ServerConfig, parse_config
from serving.server.options import Options
from serving.server.status import Code, ServingError

_LOG = logging.getLogger(__name__)
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def run(options: Options) -> int:
    """Serves until SIGTERM or SIGINT.

    Args:
        options: Checked options (`flags.check`).

    Returns:
        The exit code.

    Raises:
        ServingError: The server cannot start.
    """
    loop = _new_loop()
    try:
        loop.run_until_complete(ModelServer(options).serve())
    finally:
        loop.close()
    return 0


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:  # It does not exist for Windows.
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


class ModelServer:
    """One server process.

    Args:
        options: Checked options.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._ending = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def serve(self) -> None:
        """Loads, opens the ports, serves, and drains once it is told to end.

        Raises:
            ServingError: The server cannot start.
        """
        self._listen_to_signals()
        parts = await asyncio.to_thread(_Parts, self._options)
        try:
            config = self._options.model_config
            parts.manager.start(config if config is not None else ServerConfig())
            if not await self._ready(parts.manager):
                return
            fronts = _Fronts(parts, self._options)
            await fronts.open()
            self._follow_config_file(parts.manager)
            await self._ending.wait()
            await fronts.drain()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.to_thread(parts.close)

    async def _ready(self, manager: ModelManager) -> bool:
        """Waits for the models; returns False when the server is to end before."""
        ready = asyncio.ensure_future(manager.ready())
        ending = asyncio.ensure_future(self._ending.wait())
        await asyncio.wait([ready, ending], return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        if not ready.done():
            ready.cancel()
            return False
        ready.result()
        return True

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            try:
                loop.add_signal_handler(number, self._end, number)
            except NotImplementedError:  # Windows

                def handler(received: int, _: FrameType | None) -> None:
                    loop.call_soon_threadsafe(self._end, received)

                signal.signal(number, handler)

    def _end(self, number: int) -> None:
        if self._ending.is_set():
            _LOG.warning("A second %s: ending at once", signal.Signals(number).name)
            os._exit(128 + number)
        _LOG.info(
            "%s: finishing the requests in flight (at most %.0f s; a second signal ends at once)",
            signal.Signals(number).name,
            self._options.drain_seconds,
        )
        self._ending.set()

    def _follow_config_file(self, manager: ModelManager) -> None:
        if self._options.model_config_file and self._options.model_config_file_poll_wait_seconds > 0:
            self._tasks.append(asyncio.create_task(self._poll_config_file(manager)))

    async def _poll_config_file(self, manager: ModelManager) -> None:
        path = self._options.model_config_file
        while True:
            await asyncio.sleep(self._options.model_config_file_poll_wait_seconds)
            try:
                manager.apply(parse_config(await asyncio.to_thread(text_configs.read_text, path), path))
            except ServingError as error:
                _LOG.error("Reloading %s failed, the models stay as they are: %s", path, error)


class _Parts:
    """What serves without a port: engine, manager, metrics, request log. Built in a thread, for it loads TensorFlow."""

    def __init__(self, options: Options) -> None:
        # Once, before versions load in threads of their own: TensorFlow cannot be imported by two at a time.
        import tensorflow  # noqa: F401

        from serving.server.execution import Execution
        from serving.server.inference import Inference
        from serving.server.loading import VersionLoader, session_settings
        from serving.server.metrics import Metrics
        from serving.server.request_log import RequestLog

        self.metrics = Metrics()
        self.request_log = RequestLog(options, self.metrics)
        loader = VersionLoader(options, session_settings(options), self.metrics)
        self.manager = ModelManager(loader, options, self.request_log.configure)
        self.execution = Execution(options.grpc_max_threads)
        self.inference = Inference(self.manager, self.execution, options, self.metrics)

    def close(self) -> None:
        """Unloads everything and writes what is still to be written."""
        self.manager.stop(timeout=1.0)
        self.execution.close()
        self.request_log.close()


class _Fronts:
    """The two front ends."""

    def __init__(self, parts: _Parts, options: Options) -> None:
        from serving.server.grpc_front import build_grpc_server
        from serving.server.rest.http_front import build_http_server

        self._options = options
        self._arguments = (parts.inference, parts.manager, options, parts.metrics, parts.request_log)
        self._build_grpc, self._build_http = build_grpc_server, build_http_server
        self._grpc: Any = None
        self._http: Any = None

    async def open(self) -> None:
        """Opens the ports.

        Raises:
            ServingError: A port cannot be bound, or the TLS files are wrong.
        """
        await self._open_grpc()
        port = self._options.rest_api_port
        if port == 0:
            return
        if port == self._options.port:
            _LOG.error(
                "server_options.http_port cannot be same as grpc_port. "
                "Please use a different port for HTTP/REST API. Skipped exporting HTTP/REST API."
            )
            return
        listeners = sockets.bind(self._options.host, port, shared=self._options.worker_processes > 1)
        self._http = self._build_http(*self._arguments)
        await self._http.start(listeners)
        _LOG.info("Exporting HTTP/REST API at:%s:%d ...", self._options.host or "localhost", port)

    async def _open_grpc(self) -> None:
        options = self._options
        self._grpc = self._build_grpc(*self._arguments)
        addresses = [options.grpc_address] if options.port else []
        if options.grpc_socket_path:
            addresses.append(f"unix:{options.grpc_socket_path}")
        for address in addresses:
            self._add_port(address)
        await self._grpc.start()
        if options.port:
            _LOG.info("Running gRPC ModelServer at %s ...", options.grpc_address)
        if options.grpc_socket_path:
            _LOG.info("Running gRPC ModelServer at UNIX socket %s ...", options.grpc_socket_path)

    def _add_port(self, address: str) -> None:
        from serving.server.tls import credentials

        try:
            if self._options.ssl is None:
                port = self._grpc.add_insecure_port(address)
            else:
                port = self._grpc.add_secure_port(address, credentials(self._options.ssl))
        except RuntimeError as error:
            raise ServingError(
                Code.INVALID_ARGUMENT, f"Failed to BuildAndStart gRPC server at {address}: {error}"
            ) from error
        if port == 0 and not address.startswith("unix:"):
            raise ServingError(Code.INVALID_ARGUMENT, f"Failed to BuildAndStart gRPC server at {address}")

    async def drain(self) -> None:
        """Takes nothing new, finishes what is in flight, for at most the drain time."""
        from serving.server import grpc_front

        stop_serving = getattr(grpc_front, "stop_serving", None)
        if stop_serving is not None:
            await stop_serving(self._grpc)
        seconds = self._options.drain_seconds
        stops = [self._grpc.stop(seconds)]
        if self._http is not None:
            stops.append(self._http.stop(seconds))
        await asyncio.gather(*stops)
        if self._options.grpc_socket_path:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._options.grpc_socket_path)
        _LOG.info("Drained; ending")
