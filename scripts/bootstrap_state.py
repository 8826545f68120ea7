"""Remembers what was set up, so that a second call finds at once that nothing is to do."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from bootstrap_host import os_release
from bootstrap_layout import Layout

_FORMAT = "1"
"""Raise it to have every environment built anew, as when the private glibc is made in another way."""


@dataclass(frozen=True)
class State:
    """Fingerprints of what the parts of an environment were made from.

    Attributes:
        environment: The Python, its place, and the host.
        packages: The lock files.
        project: The project's own declaration.
    """

    environment: str
    packages: str
    project: str


def current(layout: Layout) -> State:
    """Gives the fingerprints that an environment set up now would have.

    The environment's own interpreter and the one it was made from give the same answer.

    Args:
        layout: The paths of set-up.

    Returns:
        The fingerprints.
    """
    release = os_release()
    return State(
        environment=_hash(
            _FORMAT,
            sys.version,
            sys.base_prefix,
            str(layout.venv),
            release.get("ID", ""),
            release.get("VERSION_ID", ""),
        ),
        packages=_hash(layout.lock.read_bytes(), layout.tools_lock.read_bytes()),
        project=_hash((layout.root / "pyproject.toml").read_bytes(), (layout.root / "setup.py").read_bytes()),
    )


def _hash(*parts: str | bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()


def read(layout: Layout) -> State | None:
    """Reads the record of a finished set-up.

    Args:
        layout: The paths of set-up.

    Returns:
        The record; None when there is none, or none that can be trusted.
    """
    if not layout.python.exists():
        return None
    try:
        return State(**json.loads(layout.state.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def forget(layout: Layout) -> None:
    """Removes the record before work begins: an interrupted set-up must not look finished.

    Args:
        layout: The paths of set-up.
    """
    layout.state.unlink(missing_ok=True)


def write(layout: Layout, state: State) -> None:
    """Writes the record, whole or not at all.

    Args:
        layout: The paths of set-up.
        state: What was set up.
    """
    temporary = Path(f"{layout.state}.{os.getpid()}")
    temporary.write_text(json.dumps(asdict(state), indent=1) + "\n", encoding="utf-8")
    temporary.replace(layout.state)
