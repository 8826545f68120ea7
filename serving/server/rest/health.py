"""Health URLs: ``/healthz/live`` and ``/healthz/ready``. TF Serving has none; its probes use a model's status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

from serving.http.handler import Answer
from serving.server.models.harness import State
from serving.server.status import ServingError

if TYPE_CHECKING:
    from serving.server.models.manager import ModelManager

LIVE: Final = "/healthz/live"
READY: Final = "/healthz/ready"


class Health:
    """The health URLs: whether the process answers, and whether every model has an available version.

    Args:
        manager: Knows the models.
    """

    def __init__(self, manager: ModelManager) -> None:
        self._manager = manager
        self.draining = False

    def answer(self, method: str, target: str) -> Answer | None:
        """Returns the answer to a health URL, or None for any other target."""
        path = target.partition("?")[0]
        if path not in (LIVE, READY) or method not in ("GET", "HEAD"):
            return None
        if path == LIVE:
            return Answer(200, b'{"status": "live"}')
        if self.draining:
            return Answer(503, b'{"status": "draining"}')
        missing = [name for name in self._manager.model_names() if not self._serves(name)]
        if missing:
            return Answer(503, orjson.dumps({"status": "not ready", "models": missing}))
        return Answer(200, b'{"status": "ready"}')

    def _serves(self, name: str) -> bool:
        try:
            return any(status.state is State.AVAILABLE for status in self._manager.statuses(name))
        except ServingError:
            return False
