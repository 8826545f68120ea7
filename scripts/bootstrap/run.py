"""Runs commands: their output goes to the log, a failure becomes an error with cause and remedy."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from .errors import Cause, SetupError, cause_of
from .layout import Layout

_TAIL, _WIDTH = 6, 200
"""How many of a failed command's last lines an error shows, and how much of each."""

# Settings of the caller's own Python, pip and uv that would send packages elsewhere, or load code of theirs.
_FOREIGN = frozenset(
    {
        "CONDA_PREFIX", "PIP_CONSTRAINT", "PIP_NO_BINARY", "PIP_ONLY_BINARY", "PIP_PREFIX", "PIP_REQUIRE_VIRTUALENV",
        "PIP_REQUIREMENT", "PIP_ROOT", "PIP_TARGET", "PIP_USER", "PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP",
        "UV_CONSTRAINT", "UV_OVERRIDE", "UV_PROJECT_ENVIRONMENT", "UV_PYTHON", "UV_SYSTEM_PYTHON", "VIRTUAL_ENV",
        "__PYVENV_LAUNCHER__",
    }
)  # fmt: skip


def say(text: str) -> None:
    """Prints one line of progress at once, also when the output is a file."""
    print(f"set-up: {text}", flush=True)


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Returns the caller's environment variables without those that would disturb set-up.

    Args:
        extra: Variables to add or replace.
    """
    kept = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    # Messages are read by ``cause_of``, which knows them in English.
    return {**kept, "LC_ALL": "C.UTF-8", "PYTHONNOUSERSITE": "1", **(extra or {})}


def run(
    layout: Layout,
    command: Sequence[str | Path],
    *,
    cause: Cause,
    subject: str,
    expected: str = "to end well",
    remedy: str = "",
    extra: Mapping[str, str] | None = None,
    folder: Path | None = None,
    on_line: Callable[[str], None] = lambda _: None,
) -> str:
    """Runs a command to its end and returns what it printed, standard error included.

    Args:
        layout: The paths of set-up; the log is one of them.
        command: The program and its arguments.
        cause: The cause of a failure whose output names none.
        subject: What an error is about.
        expected: What an error says was expected.
        remedy: What an error advises for ``cause``.
        extra: Environment variables to add or replace.
        folder: The working directory; the caller's by default.
        on_line: Is called with each line of output as it comes.

    Raises:
        SetupError: The command failed.
    """
    lines: list[str] = []
    layout.log.parent.mkdir(parents=True, exist_ok=True)
    with layout.log.open("a", encoding="utf-8") as log:
        log.write(f"$ {' '.join(map(str, command))}\n")
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=clean_environment(extra),
            cwd=folder,
            text=True,
            errors="replace",
        ) as process:
            for line in process.stdout or ():
                log.write(line)
                lines.append(line)
                on_line(line.strip())
    output = "".join(lines)
    if process.returncode:
        seen = [f"exit code {process.returncode}, all of it in {layout.log}"]
        seen += [line.rstrip()[:_WIDTH] for line in lines if line.strip()][-_TAIL:]
        named = cause_of(output, cause)
        advice = remedy if named is cause else ""
        raise SetupError(cause=named, subject=subject, expected=expected, seen="\n".join(seen), remedy=advice)
    return output
