"""TFX's handle of ML Metadata over our store: TFX opens one for every question, this one stays open."""

from __future__ import annotations

from typing import Any

from pipeline.lineage.store import open_connection
from pipeline.runners.light import metadata


class Handle(metadata.Metadata):
    """A handle for one process that runs nodes; see ``pipeline.lineage.steady`` for what it does under load.

    Args:
        connection: ML Metadata's ``ConnectionConfig``.
    """

    def __enter__(self) -> Handle:
        if self._store is None:
            self._store: Any = open_connection(self._connection_config)
        return self

    def __exit__(self, *_: object) -> None:
        """Leaves it open: opening asks for every table, some thirty round trips."""
