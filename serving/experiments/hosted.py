"""The experiments of a process together with their HTTP endpoints: what the router and the server mount."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from serving.experiments.control.access import Access
from serving.experiments.control.handler import Control
from serving.experiments.live.live import Live
from serving.http.handler import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from serving.experiments.control.verbs import Promoter

METRICS: Final = "/metrics"


class Hosted:
    """Experiments and their endpoints.

    Args:
        path: The document.
        hosts: The addresses that the process listens on.
        overrides: ``a.b=value`` options, laid over the document.
        promoter: Makes what moves the model server's labels; None refuses ``promote`` and ``rollback``.

    Attributes:
        live: The experiments, as the data plane asks them.
        control: Their endpoints.

    Raises:
        PenstockError: The document, the state or the tokens are wrong.
    """

    def __init__(
        self,
        path: Path,
        hosts: Sequence[str],
        overrides: Sequence[str] = (),
        promoter: Callable[[Live], Promoter] | None = None,
    ) -> None:
        live = self.live = Live(path, overrides)
        try:
            access = Access(live.document.tokens, hosts)
            moves = promoter(live) if promoter is not None else None
            self.control = Control(live.store, lambda: live.document, access, moves)
            self.control.mount(METRICS, self._metrics, None)
        except BaseException:
            live.close()
            raise

    async def _metrics(
        self, method: str, target: str, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> Answer:
        """Answers Prometheus."""
        accept = b",".join(value for name, value in headers if name == b"accept").decode("latin-1")
        content, kind = await asyncio.to_thread(self.live.metrics.exposition, accept)
        return Answer(200, content, kind.encode("latin-1"))

    def close(self) -> None:
        """Ends the endpoints and the experiments; writes what waits."""
        self.control.close()
        self.live.close()
