"""Compiles our packages: where PYTHONDONTWRITEBYTECODE is set, nothing else ever would."""

from __future__ import annotations

import compileall
import subprocess
from pathlib import Path

from bootstrap_layout import Layout
from bootstrap_run import clean_environment

PACKAGES = ("foundation", "pipeline", "components", "serving")
"""The folders at the root that are import packages."""


def compile_packages(root: Path) -> None:
    """Compiles, with the running Python, every module whose source is newer than its byte code.

    A module with a syntax error is left to the command that imports it: that one shows the place.

    Args:
        root: The repository's folder.
    """
    for package in PACKAGES:
        if (root / package).is_dir():
            compileall.compile_dir(root / package, quiet=2)


def compile_in(layout: Layout) -> None:
    """Compiles our packages with the environment's Python.

    Args:
        layout: The paths of set-up.
    """
    code = "import sys, bootstrap_bytecode as b, pathlib; b.compile_packages(pathlib.Path(sys.argv[1]))"
    subprocess.run(
        [str(layout.python), "-s", "-c", code, str(layout.root)],
        env=clean_environment({"PYTHONPATH": str(Path(__file__).parent), "PYTHONDONTWRITEBYTECODE": "1"}),
        check=False,
    )
