"""The router's gRPC port: clients' connections, the calls on them, and the channels to the backends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from serving.codes import Code
from serving.http2 import frames
from serving.http2.limits import Limits
from serving.http2.request_head import RequestHead, read
from serving.router.grpc import heads, methods
from serving.router.grpc.channel import Channel
from serving.router.grpc.downstream import Downstream
from serving.router.grpc.reload import REFUSED, RefusedCall, ReloadCall
from serving.router.grpc.through import ThroughCall
from serving.router.grpc.unary import UnaryCall

if TYPE_CHECKING:
    import socket
    import ssl

    from serving.experiments.contract import Traffic
    from serving.experiments.plane.shadow import Shadows
    from serving.http.budget import Budget
    from serving.http2.stream import Stream
    from serving.router.backends import Backends
    from serving.router.options import RouterOptions

_BACKLOG: Final = 1024
_LOOK_SECONDS: Final = 0.1
_SWEEP_SECONDS: Final = 5.0
_DRAIN_TICK_SECONDS: Final = 0.02
_WAITED_SECONDS: Final = 0.02
"""After so long the deadline that is forwarded is made shorter."""
_LAST_CALL_SECONDS: Final = 0.1
"""How long clients may still open streams at the drain: they may not have read the goodbye yet."""


class GrpcFront:
    """The gRPC port.

    Args:
        backends: Where calls go.
        traffic: The experiments.
        shadows: Sends copies.
        budget: What messages and unread answers take their memory from.
        options: The router's options.
        limits: The limits of a client's connection.

    Attributes:
        traffic: The experiments.
        shadows: Sends copies.
        budget: What messages and unread answers take their memory from.
        limits: The limits of a client's connection.
        largest: The largest message in bytes.
        default: Name of the default backend.
        clients: The clients' connections.
        loop: The event loop; set by ``start``.

    Raises:
        PenstockError: A backend's TLS files are wrong.
    """

    loop: asyncio.AbstractEventLoop

    def __init__(
        self,
        backends: Backends,
        traffic: Traffic,
        shadows: Shadows,
        budget: Budget,
        options: RouterOptions,
        limits: Limits | None = None,
    ) -> None:
        self._channels: dict[str, Channel] = {}
        # Calls that are not looked into may hold up their connection, and copies must not hold up anything.
        self._through: dict[str, Channel] = {}
        self._copies: dict[str, Channel] = {}
        self.default = ""
        self.use(backends)
        self.traffic = traffic
        self.shadows = shadows
        self.budget = budget
        self.limits = limits or Limits()
        self.largest = options.body_bytes
        self._reload = options.reload
        self._most = options.connections
        self.clients: set[Downstream] = set()
        self._listeners: list[asyncio.Server] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, sockets: list[socket.socket], tls: ssl.SSLContext | None = None) -> None:
        """Starts to answer.

        Args:
            sockets: Bound listening sockets; closed at the end.
            tls: The settings of TLS; None means in the clear.
        """
        loop = self.loop = asyncio.get_running_loop()
        for listener in sockets:
            server = await loop.create_server(
                lambda: Downstream(self, loop), sock=listener, backlog=_BACKLOG, ssl=tls
            )
            self._listeners.append(server)
        self._tasks = [loop.create_task(self._look()), loop.create_task(self._sweep())]

    async def stop(self, grace_seconds: float) -> None:
        """Accepts nothing new and finishes the calls in flight, within the grace time."""
        end = self.loop.time() + grace_seconds
        for listener in self._listeners:
            listener.close()
        for client in list(self.clients):
            client.go_away(last=frames.LARGEST)
        await asyncio.sleep(min(_LAST_CALL_SECONDS, grace_seconds))
        for client in list(self.clients):
            client.go_away()
        while self.clients and self.loop.time() < end:
            await asyncio.sleep(_DRAIN_TICK_SECONDS)
        for client in list(self.clients):
            client.abort()
        for task in self._tasks:
            task.cancel()
        for channel in self._all_channels():
            channel.close()

    def use(self, backends: Backends) -> None:
        """Uses these backends from now on; calls in flight end where they are.

        Raises:
            PenstockError: A backend's TLS files are wrong; then nothing has changed.
        """
        reachable = [backend for backend in backends.all.values() if backend.grpc]
        before = (self._channels, self._through, self._copies)
        kept = [{name: one for name, one in old.items() if one.backend in reachable} for old in before]
        new = [{one.name: old.get(one.name) or Channel(one) for one in reachable} for old in kept]
        self._channels, self._through, self._copies = new
        self.default = backends.default
        for old, now in zip(before, new, strict=True):
            for name, channel in old.items():
                if now.get(name) is not channel:
                    channel.retire()

    @property
    def in_flight(self) -> int:
        """The number of calls that backends work on."""
        return sum(channel.in_flight for channel in self._all_channels())

    # Connections.

    def admits(self, client: Downstream) -> bool:
        """Takes a client's connection, unless there are too many."""
        if len(self.clients) >= self._most:
            return False
        self.clients.add(client)
        return True

    def left(self, client: Downstream) -> None:
        """Forgets a client's connection."""
        self.clients.discard(client)

    # Calls.

    def begin(self, client: Downstream, stream: Stream, block: bytes, ended: bool) -> None:
        """Begins a call with its header block.

        Raises:
            HeaderBlockError: The block cannot be read; the connection ends.
        """
        head = read(block, self.limits.header_list_bytes)
        if head.fault:
            # A backend might end its connection for it, with everybody's calls.
            client.reset(stream, frames.PROTOCOL_ERROR)
            return
        method = methods.METHODS.get(head.path) if head.is_grpc else None
        reloads = method == methods.RELOAD
        call: UnaryCall | ReloadCall
        if reloads and self._reload == "refuse":
            RefusedCall(client, stream, Code.PERMISSION_DENIED, REFUSED)
            return
        if method is None or (reloads and len(self._channels) == 1):
            self._pass(client, stream, block, ended)
            return
        if reloads:
            call = ReloadCall(self, client, stream, block, head.timeout)
        else:
            call = UnaryCall(self, client, stream, head, block, method)
        if ended:
            call.client_data(b"", True)

    def _pass(self, client: Downstream, stream: Stream, block: bytes, ended: bool) -> None:
        """Forwards a call that is not looked into."""
        channel = self._through.get(self.default)
        if channel is None:
            RefusedCall(client, stream, Code.UNAVAILABLE, f"backend {self.default} has no gRPC address")
        else:
            ThroughCall(client, stream, block, ended, channel)

    def block_for(self, head: RequestHead, block: bytes, started: float) -> bytes:
        """Returns the header block of a call for its backend: the client's, with what is left of its deadline.

        Args:
            head: The request's head, read.
            block: Its block.
            started: When it arrived.
        """
        waited = self.loop.time() - started
        if head.content_length is not None:
            block = heads.without_length(block)  # The message may have grown.
        if head.timeout is not None and waited > _WAITED_SECONDS:
            return heads.changed(block, {b"grpc-timeout": heads.timeout(head.timeout - waited)})
        return block

    # Channels.

    def names(self) -> list[str]:
        """Returns the backends that have a gRPC address."""
        return list(self._channels)

    def channel(self, backend: str) -> Channel | None:
        """Returns the channel to a backend; None if it has no gRPC address."""
        return self._channels.get(backend)

    def copies(self, backend: str) -> Channel | None:
        """Returns the channel for copies to a backend; empty means the default one."""
        return self._copies.get(backend or self.default)

    def channel_name(self, backend: str) -> str:
        """Returns what errors call a backend."""
        channel = self._channels.get(backend)
        return f"backend {backend}" if channel is None else channel.name

    def _all_channels(self) -> list[Channel]:
        return [*self._channels.values(), *self._through.values(), *self._copies.values()]

    # Looking after.

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            now = self.loop.time()
            for client in list(self.clients):
                if client.streams:
                    client.look(now)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            now = self.loop.time()
            for client in list(self.clients):
                client.sweep(now, _SWEEP_SECONDS)
            for channel in self._all_channels():
                channel.sweep(now, _SWEEP_SECONDS)
