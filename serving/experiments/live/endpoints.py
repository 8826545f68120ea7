"""The endpoints of a process with experiments: rewards, status and control, metrics, and the page."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from serving.experiments.control.access import Access
from serving.experiments.control.handler import Control
from serving.experiments.page.handler import Pages
from serving.experiments.rewards.writer import RewardWriter
from serving.http.handler import Answer

if TYPE_CHECKING:
    from serving.experiments.control.access import Headers
    from serving.experiments.control.verbs import Promoter
    from serving.experiments.live.live import Live
    from serving.experiments.metrics.metrics import Metrics

METRICS: Final = "/metrics"


def endpoints(live: Live, hosts: Sequence[str], promoter: Promoter | None = None) -> Control:
    """Returns what answers ``/v1/experiments``, ``/experiments`` and ``/metrics``.

    Args:
        live: The experiments.
        hosts: The addresses that the process listens on: beyond loopback, tokens are required.
        promoter: Moves labels; None refuses to promote and to roll back.

    Raises:
        SpecError: A token is missing or short.
    """
    access = Access(live.document.tokens, hosts)
    writer = RewardWriter(
        live.store,
        live.document.limits.waiting,
        receive=lambda receipt: live.metrics.rewarded(receipt.experiment, receipt.status.value),
        settle=live.settle,
    )
    control = Control(live.store, lambda: live.document, access, promoter, writer)
    Pages(live.store, lambda: live.document, access).mount(control)
    control.mount(METRICS, _Exposition(live.metrics).answer, None)
    return control


class _Exposition:
    """Answers Prometheus."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def answer(self, method: str, target: str, headers: Headers, body: bytes) -> Answer:
        """Returns the metrics in the format that the caller accepts."""
        accept = dict(headers).get(b"accept", b"").decode("latin-1")
        # In a thread: it adds up all series, and may look for the processes of backends.
        text, content_type = await asyncio.to_thread(self._metrics.exposition, accept)
        return Answer(200, text, content_type.encode())
