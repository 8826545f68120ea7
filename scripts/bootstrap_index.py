"""Tells uv about the package index that the host's pip is set up for: uv does not read pip's settings."""

from __future__ import annotations

import ast
import os
from collections.abc import Mapping
from pathlib import Path

from bootstrap_errors import Cause
from bootstrap_layout import Layout
from bootstrap_run import run


def uv_settings(layout: Layout) -> dict[str, str]:
    """Gives uv's environment variables for the index, mirror, proxy and certificate that pip uses.

    Args:
        layout: The paths of set-up.

    Returns:
        Variables the caller has not set already.
    """
    listing = run(
        [layout.python, "-E", "-s", "-m", "pip", "config", "list"],
        log=layout.log,
        subject="pip's settings",
        otherwise=Cause.PYTHON,
    )
    return translate(parse(listing), os.environ)


def parse(listing: str) -> dict[str, str]:
    """Reads what `pip config list` prints.

    Args:
        listing: Lines such as `global.index-url='…'` and `:env:.find-links='…'`.

    Returns:
        The settings by plain name; the environment wins over `install`, that over `global`.
    """
    found: dict[str, tuple[int, str]] = {}
    ranks = {"global": 0, "install": 1, ":env:": 2}
    for line in listing.splitlines():
        key, separator, quoted = line.partition("=")
        section, _, name = key.rpartition(".")
        if not separator or section not in ranks:
            continue
        try:
            value = str(ast.literal_eval(quoted))
        except (ValueError, SyntaxError):
            continue
        if name not in found or ranks[section] >= found[name][0]:
            found[name] = (ranks[section], value)
    return {name: value for name, (_, value) in found.items()}


def translate(pip: Mapping[str, str], already: Mapping[str, str]) -> dict[str, str]:
    """Says pip's settings in uv's words.

    Args:
        pip: Settings by pip's names.
        already: Environment variables the caller has set, which win.

    Returns:
        Environment variables for uv.
    """
    # Hashes make it safe to take a version from whichever index has it.
    said = {"UV_INDEX_STRATEGY": "unsafe-best-match", "UV_HTTP_TIMEOUT": pip.get("timeout", "")}
    said["UV_HTTP_TIMEOUT"] = said["UV_HTTP_TIMEOUT"] or pip.get("default-timeout", "120")
    said["UV_DEFAULT_INDEX"] = pip.get("index-url", "")
    said["UV_INDEX"] = " ".join(pip.get("extra-index-url", "").split())
    said["UV_FIND_LINKS"] = ",".join(
        link for link in pip.get("find-links", "").split() if _may_be_there(link)
    )
    said["UV_INSECURE_HOST"] = " ".join(pip.get("trusted-host", "").split())
    said["SSL_CERT_FILE"] = pip.get("cert", "")
    said["UV_NO_INDEX"] = "1" if pip.get("no-index", "").lower() in ("1", "true", "yes", "on") else ""
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        said[name] = "" if name.lower() in already else pip.get("proxy", "")
    old_names = {"UV_DEFAULT_INDEX": "UV_INDEX_URL", "UV_INDEX": "UV_EXTRA_INDEX_URL"}
    return {
        name: value
        for name, value in said.items()
        if value and name not in already and old_names.get(name, name) not in already
    }


def _may_be_there(link: str) -> bool:
    """Tells whether uv will find it: pip only warns about a folder that is not there; uv would stop."""
    return "://" in link or Path(link).is_dir()
