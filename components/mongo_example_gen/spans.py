"""Which kept spans nothing needs any more. Light: ``penstock clean`` asks it."""

from __future__ import annotations

from pathlib import Path

FOLDER = "spans"
"""Name of the folder of kept spans, within the folder of the node."""


def unused_entries(cache: Path) -> list[Path]:
    """Returns the kept spans that no artifact shares a shard with any more.

    Where shards are copies this is all of them: removing one costs reading its span again, nothing else.
    """
    if not cache.is_dir():
        return []
    return [entry for entry in sorted(cache.iterdir()) if entry.is_dir() and not _shared(entry)]


def _shared(entry: Path) -> bool:
    return any(shard.stat().st_nlink > 1 for shard in entry.glob("Split-*/*.gz"))
