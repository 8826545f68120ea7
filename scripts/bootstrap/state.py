"""Remembers what was set up, so that a second call sees at once that nothing needs doing."""

from __future__ import annotations

import hashlib
import json
import sys

from .host import os_release
from .layout import Layout

_FORMAT = "1"
"""Raise it to rebuild every environment, for example when the private glibc is built differently."""

State = dict[str, str]
"""Fingerprints of what the parts of an environment were made from."""

NOTHING: State = {"environment": "", "packages": "", "project": ""}
"""The state before the first set-up."""


def current(layout: Layout) -> State:
    """Returns the fingerprints that an environment set up now would have.

    The environment's own interpreter and the one it was made from give the same answer.
    """
    release = os_release()
    system = release.get("ID", ""), release.get("VERSION_ID", "")
    root = layout.root
    return {
        "environment": _hash(_FORMAT, sys.version, sys.base_prefix, str(layout.venv), *system),
        "packages": _hash(layout.lock.read_bytes(), layout.tools_lock.read_bytes()),
        "project": _hash((root / "pyproject.toml").read_bytes(), (root / "setup.py").read_bytes()),
    }


def _hash(*parts: str | bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()


def read(layout: Layout) -> State:
    """Reads the record of a finished set-up; ``NOTHING`` when there is no valid one."""
    try:
        record = json.loads(layout.state.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return NOTHING
    known = isinstance(record, dict) and record.keys() == NOTHING.keys() and layout.python.exists()
    return record if known else NOTHING


def write(layout: Layout, state: State) -> None:
    """Writes the record. A truncated one is not JSON, so it counts as none."""
    layout.state.write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
