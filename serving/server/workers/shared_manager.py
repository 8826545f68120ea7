"""The manager of a worker: reloads go through the supervisor, statuses speak for all workers."""

from __future__ import annotations

import asyncio
from typing import Any

from serving.server.config.model_config import ServerConfig
from serving.server.models.manager import ModelManager, VersionStatus
from serving.server.workers.merged import Wire, from_wire, merge, to_wire
from serving.server.workers.peer import Peer


class SharedManager(ModelManager):
    """A manager among several."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._peer: Peer | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._others: dict[int, Wire] = {}
        self._told: Wire = {}

    def join(self, peer: Peer) -> None:
        """Takes part; called on the event loop before ``start``."""
        self._peer, self._loop = peer, asyncio.get_running_loop()

    def hear(self, worker: int, statuses: Wire | None) -> None:
        """Takes what another worker says of its versions; None when it is gone."""
        others = {**self._others, worker: statuses}
        self._others = {number: said for number, said in others.items() if said is not None}

    async def reload_async(self, config: ServerConfig) -> None:
        """Has the supervisor reload all workers, or none."""
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
