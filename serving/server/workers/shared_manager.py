"""A worker's manager: reloads go through the supervisor, statuses cover all workers."""

from __future__ import annotations

import asyncio
from typing import Any

from serving.server.config.model_config import ServerConfig
from serving.server.models.manager import ModelManager, VersionStatus
from serving.server.workers.merged import Wire, from_wire, merge, to_wire
from serving.server.workers.peer import Peer


class SharedManager(ModelManager):
    """The manager of one of several workers."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._peer: Peer | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._others: dict[int, Wire] = {}
        self._told: Wire = {}

    def join(self, peer: Peer) -> None:
        """Connects to the supervisor; called on the event loop before ``start``."""
        self._peer, self._loop = peer, asyncio.get_running_loop()

    def hear(self, worker: int, statuses: Wire | None) -> None:
        """Stores another worker's statuses; None if that worker is gone."""
        others = {**self._others, worker: statuses}
        self._others = {number: said for number, said in others.items() if said is not None}

    async def reload_async(self, config: ServerConfig) -> None:
        """Asks the supervisor to reload all workers or none."""
        if self._peer is None:
            await super().reload_async(config)
        else:
            await self._peer.call("reload", config)

    def _known(self, name: str) -> list[VersionStatus]:
        mine = {status.version: status for status in super()._known(name)}
        return merge([mine, *(from_wire(said.get(name, ())) for said in self._others.values())])

    def _advance(self) -> None:
        super()._advance()
        now = to_wire({name: model.statuses() for name, model in self._models.items()})
        if now != self._told and self._peer is not None and self._loop is not None:
            self._told = now
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._peer.tell, "states", now)
