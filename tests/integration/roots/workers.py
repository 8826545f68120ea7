"""Machines that share nothing but a root and a metadata store: each a folder with a home, a cache and temporary files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMAND = [sys.executable, "-c", "import sys; from pipeline.cli.main import main; sys.exit(main())"]
RUN = "scheduled__2026-01-01T00:00:00+00:00"


@dataclass(frozen=True)
class Worker:
    """A machine of its own: home, cache, temporary folder and working folder are nobody else's."""

    folder: Path

    def environment(self) -> dict[str, str]:
        """Returns the variables of its processes: those of the test but for the places of files."""
        places = {"HOME": str(self.folder / "home"), "TMPDIR": str(self.folder / "temporary")}
        others = {k: v for k, v in os.environ.items() if k not in ("PENSTOCK_CACHE", "XDG_CACHE_HOME")}
        return {**others, **places}

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """Starts a node of the bundle in a process group of its own."""
        for name in ("home", "temporary", "work"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        return subprocess.Popen(
            [*COMMAND, "node", "--ir", str(self.folder / "bundle"), "--run-id", RUN, *arguments],
            cwd=self.folder / "work",
            env={**self.environment(), **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """Runs a node of the bundle; returns the exit code and the last line."""
        process = self.start(*arguments)
        said, _ = process.communicate(timeout=400)
        last = said.strip().rpartition("\n")[2]
        assert last.startswith("{"), said
        if process.returncode:
            print(said)  # pytest shows it where the test fails
        return process.returncode, json.loads(last)
