"""Whether a run uses a zygote: by default on a person's machine, not in continuous integration or a container."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from foundation.errors import SpecError

VARIABLE = "PENSTOCK_ZYGOTE"
"""``auto``, ``off``, ``on``, or ``nodes``: on, and for the nodes that a scheduler starts."""
_NODES = "nodes"
_MARKS = ("/.dockerenv", "/run/.containerenv")
"""Files that Docker and Podman put into their containers."""


def reason_against() -> str:
    """Returns why no zygote is used, empty if one is.

    Raises:
        SpecError: The variable says something else.
    """
    said = _said()
    if sys.platform != "linux":
        return "forking is safe on Linux only"
    if said == "auto":
        return _in_passing()
    return f"{VARIABLE}=off" if said == "off" else ""


def is_for_nodes() -> bool:
    """Returns whether a node that a scheduler starts uses one too.

    Raises:
        SpecError: The variable says something else.
    """
    return _said() == _NODES and not reason_against()


def _said() -> str:
    said = os.environ.get(VARIABLE, "").strip().lower() or "auto"
    if said not in ("auto", "off", "on", _NODES):
        raise SpecError(
            VARIABLE, expected="on, off, auto or nodes", seen=repr(said), remedy="correct or unset it"
        )
    return said


def _in_passing() -> str:
    """Returns why nobody is likely to come back soon for a second run, empty if somebody is."""
    if os.environ.get("CI", "").strip().lower() not in ("", "0", "false"):
        return "this is continuous integration (CI is set)"
    if "KUBERNETES_SERVICE_HOST" in os.environ or any(Path(mark).exists() for mark in _MARKS):
        return "this is a container"
    return ""
