"""Runs commands: their output goes to the log, a failure becomes an error with cause and remedy."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bootstrap_errors import REMEDIES, Cause, SetupError, cause_of

_TAIL = 6
"""How many last lines of a failed command an error shows."""

_WIDTH = 200
"""How much of each of them."""

# Settings of the caller's own Python and pip that would send packages elsewhere, or load code of theirs.
_FOREIGN = frozenset(
    {
        "CONDA_PREFIX", "PIP_CONSTRAINT", "PIP_NO_BINARY", "PIP_ONLY_BINARY", "PIP_PREFIX", "PIP_REQUIRE_VIRTUALENV",
        "PIP_REQUIREMENT", "PIP_ROOT", "PIP_TARGET", "PIP_USER", "PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP",
        "UV_CONSTRAINT", "UV_OVERRIDE", "UV_PROJECT_ENVIRONMENT", "UV_PYTHON", "UV_SYSTEM_PYTHON", "VIRTUAL_ENV",
        "__PYVENV_LAUNCHER__",
    }
)  # fmt: skip


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Gives the caller's environment variables without those that would disturb set-up.

    Args:
        extra: Variables to add or replace.

    Returns:
        The variables for a command.
    """
    kept = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    # Messages are read by `cause_of`, which knows them in English.
    return {**kept, "LC_ALL": "C.UTF-8", "PYTHONNOUSERSITE": "1", **(extra or {})}


def run(
    command: Sequence[str | Path],
    *,
    log: Path,
    subject: str,
    otherwise: Cause,
    expected: str = "to end well",
    remedy: str | None = None,
    extra: Mapping[str, str] | None = None,
    folder: Path | None = None,
    on_line: Callable[[str], None] | None = None,
) -> str:
    """Runs a command to its end and gives what it printed.

    Args:
        command: The program and its arguments.
        log: A file its output is added to.
        subject: What an error is about.
        otherwise: The cause of a failure whose output names none.
        expected: What an error says was expected.
        remedy: What an error advises for the cause `otherwise`.
        extra: Environment variables to add or replace.
        folder: The working directory; the caller's by default.
        on_line: Is called with each line of output as it comes.

    Returns:
        Standard output and standard error together.

    Raises:
        SetupError: The command failed or could not be started.
    """
    words = [str(word) for word in command]
    lines: list[str] = []
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as record:
        record.write(f"$ {' '.join(words)}\n")
        with subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=clean_environment(extra),
            cwd=folder,
            text=True,
            errors="replace",
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                record.write(line)
                lines.append(line)
                if on_line is not None:
                    on_line(line.rstrip())
    output = "".join(lines)
    if process.returncode:
        raise _failure(output, process.returncode, log, subject, expected, otherwise, remedy)
    return output


def _failure(
    output: str, code: int, log: Path, subject: str, expected: str, otherwise: Cause, remedy: str | None
) -> SetupError:
    """Makes the error of a failed command out of its last lines."""
    cause = cause_of(output, otherwise)
    tail = [line.rstrip()[:_WIDTH] for line in output.splitlines() if line.strip()][-_TAIL:]
    advice = remedy if remedy and cause is otherwise else REMEDIES.get(cause, "see docs/install.md")
    return SetupError(
        cause,
        subject=subject,
        expected=expected,
        seen="\n".join([f"exit code {code}, all of it in {log}", *tail]),
        remedy=advice,
    )
