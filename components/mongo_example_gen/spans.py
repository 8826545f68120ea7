"""Finds cached spans that are no longer used, for ``penstock clean``."""

from __future__ import annotations

from pathlib import Path

FOLDER = "spans"
"""Name of the cache folder within the node's folder."""


def unused_entries(cache: Path) -> list[Path]:
    """Returns the cached spans that no longer share a shard with an artifact.

    If shards are copies this is all of them; removing one only costs reading its span again.
    """
    if not cache.is_dir():
        return []
    return [
        entry
        for entry in sorted(cache.iterdir())
        if entry.is_dir() and not entry.name.startswith(".") and not _shared(entry)
    ]


def _shared(entry: Path) -> bool:
    return any(shard.stat().st_nlink > 1 for shard in entry.glob("Split-*/*.gz"))
