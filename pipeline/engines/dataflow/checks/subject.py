"""What the checks look at."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from foundation.document.problems import Problem
from pipeline.engines.dataflow.options import Options

AT = ("run", "beam_args")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Subject:
    """Options for Dataflow and what they are about.

    Attributes:
        options: The options.
        root: The pipeline's root.
        folder: Folder of the document; relative files start there.
    """

    options: Options
    root: str
    folder: Path

    @property
    def rehearsed(self) -> bool:
        """Whether the service is a stand-in on this machine, which reads and writes local folders."""
        return is_loopback(self.options["dataflow_endpoint"])


def is_loopback(endpoint: str) -> bool:
    """Returns whether an endpoint's address is on this machine."""
    return urlsplit(endpoint).hostname in _LOOPBACK


def problem(option: str, seen: str | None, expected: str, remedy: str) -> Problem:
    """Returns a problem with an option.

    Args:
        option: Its name, without dashes.
        seen: Its value; empty if it is missing, None if it should not be there at all.
        expected: What would be right.
        remedy: What to do.
    """
    what = f"--{option} is missing" if seen == "" else f"--{option}"
    return Problem(AT, what, expected=expected, seen=repr(seen) if seen else "", remedy=remedy)


def matches(pattern: str, text: str) -> bool:
    """Returns whether the whole of a text has a form."""
    return re.fullmatch(pattern, text) is not None
