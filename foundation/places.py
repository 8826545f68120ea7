"""What may stand where a document names a place: one rule for each key, checked before anything is read or run."""

from __future__ import annotations

import re
from enum import Enum

from foundation.errors import StorageError
from foundation.storage import is_remote, locate


class Rule(Enum):
    """What may stand at a place; the words are for messages."""

    READ = "a local path, s3:// or gs://"
    """Files that are read, from a store as well."""
    WRITTEN = "a local folder, s3:// or gs://"
    """Whole files that are written, to a store as well, where each appears whole or not at all."""
    LOCAL = "a local or mounted path"
    """What needs a file system: renames, locks, links, or Python's own import."""


_SCHEME = re.compile(r"(s3[an]?|gs|gcs|az|abfss?|wasbs?|adl|hdfs|dbfs|file|https?|ftp):/?", re.IGNORECASE)
"""Schemes of stores; one of them before a colon is never meant as part of a local name."""


def refused(rule: Rule, text: str) -> str:
    """Returns what is seen at a place that its rule does not allow; empty if it may stand there."""
    almost = _SCHEME.match(text)
    if not is_remote(text):
        return f"{almost[0]!r}, which neither begins an address nor a name" if almost else ""
    scheme = text.split("://", 1)[0]
    if rule is Rule.LOCAL:
        return f"{scheme}://"
    try:
        locate(text)
    except StorageError as error:
        return error.seen if scheme in ("s3", "gs") else f"{scheme}://"
    return ""
