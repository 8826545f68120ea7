"""Follows a page step by step in an empty folder: runs its shell blocks in order, in one shell, until one fails.

    scripts/follow.py docs/production.md [--until 'a heading'] [--set NAME=VALUE ...]

Blocks that begin with ``# not followed`` are left out: they need what a laptop does not have.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_LEFT_OUT = "# not followed"


def steps(text: str, until: str = "") -> Iterator[tuple[str, str]]:
    """Yields the heading over each shell block of a page, and the block.

    Args:
        text: The page.
        until: Beginning of the heading to stop before; empty: follow all.
    """
    heading = ""
    for part in re.split(r"^(?=## )", text, flags=re.MULTILINE):
        heading = part.partition("\n")[0].removeprefix("## ") if part.startswith("## ") else heading
        if until and heading.startswith(until):
            return
        for block in _BLOCK.findall(part):
            if not block.startswith(_LEFT_OUT):
                yield heading, block


def script(page: Path, until: str = "") -> str:
    """Returns one shell script of all blocks, which tells where it is and ends at the first failure."""
    told = (f"echo '=== {heading}' >&2\n{block}" for heading, block in steps(page.read_text(), until))
    return "set -euo pipefail\n" + "\n".join(told)


def follow(page: Path, folder: Path, until: str = "", given: Sequence[str] = ()) -> int:
    """Runs the blocks of a page; returns the exit code.

    Args:
        page: The page.
        folder: An empty folder.
        until: Beginning of the heading to stop before.
        given: ``NAME=VALUE`` variables for the blocks.
    """
    variables = dict(one.split("=", 1) for one in given)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PENSTOCK": str(REPOSITORY), "PATH": path, **variables}
    command = ["bash", "-c", script(page, until)]
    return subprocess.run(command, cwd=folder, env=environment, check=False).returncode


def main() -> int:
    """Follows the page given on the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("page", type=Path)
    parser.add_argument("--until", default="")
    parser.add_argument("--set", action="append", default=[], dest="given")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="follow-") as folder:
        return follow(asked.page.resolve(), Path(folder), asked.until, asked.given)


if __name__ == "__main__":
    sys.exit(main())
