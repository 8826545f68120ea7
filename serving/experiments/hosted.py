"""The experiments of a process together with their HTTP endpoints: what the router and the server mount."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from serving.experiments.live.endpoints import endpoints
from serving.experiments.live.live import Live

if TYPE_CHECKING:
    from collections.abc import Callable

    from serving.experiments.control.verbs import Promoter

_SWITCH_SECONDS: Final = 0.0005
"""How long the event loop waits at most for a thread of the experiments that computes. With Python's own 5 ms, a loop beside
a busy thread answered its slowest hundredth in 16 ms, with this in 1.2 ms."""


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
        sys.setswitchinterval(min(sys.getswitchinterval(), _SWITCH_SECONDS))
        live = self.live = Live(path, overrides)
        try:
            self.control = endpoints(live, hosts, promoter(live) if promoter is not None else None)
        except BaseException:
            live.close()
            raise

    def close(self) -> None:
        """Ends the endpoints and the experiments; writes what waits."""
        self.control.close()
        self.live.close()
