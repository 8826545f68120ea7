"""Builds the environment `.venv`: host checks, private glibc where needed, packages, the project.

Run by `scripts/setup`, on any Python 3.11 to 3.13 and nothing but its standard library. What is done is
recorded in `.venv/.setup/state.json`, which is removed before work and written last: an environment
without it was interrupted and is built anew.
"""

from __future__ import annotations

import argparse
import errno
import fcntl
import os
import shutil
import sys
import time
from pathlib import Path

import bootstrap_bytecode as bytecode
import bootstrap_glibc as glibc
import bootstrap_host as host
import bootstrap_install as install
import bootstrap_state as state
from bootstrap_errors import Cause, SetupError
from bootstrap_layout import Layout


def say(text: str) -> None:
    """Prints one line of progress at once, also when the output is a file."""
    print(f"set-up: {text}", flush=True)


def main(argv: list[str] | None = None) -> int:
    """Runs set-up, or with `--check` only finds out whether there is anything to do.

    Args:
        argv: Arguments without the program's name; those of the process by default.

    Returns:
        0 when the environment is up to date, 1 otherwise, 130 when interrupted.
    """
    parser = argparse.ArgumentParser(prog="scripts/setup", description=__doc__.split("\n")[0])
    parser.add_argument(
        "--check", action="store_true", help="only check; compile changed modules if up to date"
    )
    arguments = parser.parse_args(argv)
    layout = Layout(Path(__file__).resolve().parent.parent)
    if arguments.check:
        return _check(layout)
    try:
        with _only_one_at_a_time(layout):
            _set_up(layout)
    except SetupError as error:
        print(error.report(), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("set-up: stopped; the next call starts cleanly", file=sys.stderr)
        return 130
    except OSError as error:
        print(_from_os_error(error, layout).report(), file=sys.stderr)
        return 1
    return 0


def _check(layout: Layout) -> int:
    """Says by exit code whether nothing is to do; then also compiles modules that changed."""
    if state.read(layout) != state.current(layout):
        return 1
    bytecode.compile_packages(layout.root)
    return 0


class _only_one_at_a_time:  # noqa: N801  (reads as a phrase after `with`)
    """Locks the repository's folder, so that two `make` calls do not build the same environment."""

    def __init__(self, layout: Layout) -> None:
        self._root = layout.root

    def __enter__(self) -> None:
        self._folder = os.open(self._root, os.O_RDONLY)
        try:
            fcntl.flock(self._folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another set-up is at work here, waiting for it")
            fcntl.flock(self._folder, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        os.close(self._folder)


def _set_up(layout: Layout) -> None:
    """Brings the environment up to date, doing only what its recorded state asks for."""
    begin = time.monotonic()
    done, wanted = state.read(layout), state.current(layout)
    if done == wanted:
        bytecode.compile_in(layout)
        return
    state.forget(layout)
    if done is None or done.environment != wanted.environment:
        _build_environment(layout)
    if done is None or (done.environment, done.packages) != (wanted.environment, wanted.packages):
        say("packages: downloading and installing what requirements/lock.txt names (about 3.5 GB on disk)")
        install.sync_packages(layout, say)
    say("project: penstock, editable")
    install.install_project(layout)
    install.verify(layout)
    bytecode.compile_in(layout)
    state.write(layout, wanted)
    say(f"done in {time.monotonic() - begin:.0f} s; commands are in .venv/bin")


def _build_environment(layout: Layout) -> None:
    """Makes a new, empty environment whose interpreter is fit for TFX's wheels."""
    found = host.look()
    say(f"host: {found.name}, {found.machine}, {found.libc}, Python {found.python}")
    host.check(found, layout)
    plan = glibc.plan(found)
    if layout.venv.exists():
        say("environment: removing an old or unfinished .venv")
        shutil.rmtree(layout.venv)
    say("environment: creating .venv")
    install.create_environment(layout)
    install.install_tools(layout)
    if plan is not None:
        say(f"glibc: {plan.reason}; fetching {plan.release}'s for this environment only")
        glibc.install(layout, plan)


def _from_os_error(error: OSError, layout: Layout) -> SetupError:
    """Turns an operating system error into one that names cause and remedy."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return host.disk_full(layout)
    if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
        return SetupError(
            Cause.DISK,
            subject=str(error.filename or layout.root),
            expected="a folder this user may write to",
            seen=str(error.strerror),
            remedy="make it writable, or clone the repository where you may write",
        )
    return SetupError(
        Cause.HOST,
        subject=str(error.filename or "the operating system"),
        expected="to be read, written or run",
        seen=f"{type(error).__name__}: {error}",
        remedy="see docs/install.md; run `make distclean` and set up again",
    )


if __name__ == "__main__":
    sys.exit(main())
