"""Builds ``.venv``, or finds that it is up to date. Run by ``scripts/setup``.

What is done is recorded in ``.venv/.setup/state.json``, which is removed before work and written last: an
environment without it was interrupted and is built anew.
"""

from __future__ import annotations

import compileall
import errno
import fcntl
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import glibc, host, packages, state
from .errors import Cause, SetupError
from .layout import Layout
from .run import say


def main() -> int:
    """Sets up, or with ``--check`` only finds out whether anything needs doing.

    Returns:
        0 when the environment is up to date, 1 otherwise, 130 when interrupted.
    """
    layout = Layout(Path(__file__).resolve().parents[2])
    if sys.argv[1:] == ["--check"]:
        return _check(layout)
    try:
        with _one_at_a_time(layout):
            _set_up(layout)
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("set-up: stopped; the next call starts cleanly", file=sys.stderr)
        return 130
    except OSError as error:
        print(_from_os_error(error, layout), file=sys.stderr)
        return 1
    return 0


def _check(layout: Layout) -> int:
    """Returns whether nothing needs doing, as an exit code; if so, compiles modules that changed."""
    if state.read(layout) != state.current(layout):
        return 1
    for folder in packages.OURS:
        compileall.compile_dir(layout.root / folder, quiet=2)
    return 0


@contextmanager
def _one_at_a_time(layout: Layout) -> Iterator[None]:
    """Locks the repository's folder, so that two ``make`` calls do not build the same environment."""
    folder = os.open(layout.root, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another set-up of this folder")
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _set_up(layout: Layout) -> None:
    """Brings the environment up to date, doing only what its recorded state asks for."""
    begin = time.monotonic()
    done, wanted = state.read(layout), state.current(layout)
    if done != wanted:
        layout.state.unlink(missing_ok=True)
        if done["environment"] != wanted["environment"]:
            _build_environment(layout)
            done = state.NOTHING
        if done["packages"] != wanted["packages"]:
            say("packages: installing what requirements/lock.txt names (about 3.5 GB on disk)")
            packages.sync(layout)
        say("project: penstock, editable")
        packages.install_project(layout)
        packages.verify(layout)
    packages.compile_ours(layout)
    if done != wanted:
        state.write(layout, wanted)
        say(f"done in {time.monotonic() - begin:.0f} s; commands are in .venv/bin")


def _build_environment(layout: Layout) -> None:
    """Makes a new, empty environment whose interpreter is fit for TFX's wheels."""
    found = host.look()
    say(f"host: {found}")
    host.check(found, layout)
    plan = glibc.plan(found)
    if layout.venv.exists():
        say("environment: removing an old or unfinished .venv")
        shutil.rmtree(layout.venv)
    say("environment: creating .venv")
    packages.create_environment(layout)
    if plan is not None:
        say(f"glibc: {plan.reason}; fetching {plan.release}'s for this environment only")
        glibc.install(layout, plan)


def _from_os_error(error: OSError, layout: Layout) -> SetupError:
    """Turns an operating system error into one that names cause and remedy."""
    subject, seen = str(error.filename or layout.root), str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return SetupError(cause=Cause.DISK, subject=subject, expected="room for the environment", seen=seen)
    if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
        remedy = "make it writable, or clone the repository where you may write"
        return SetupError(
            cause=Cause.DISK,
            subject=subject,
            expected="a folder this user may write to",
            seen=seen,
            remedy=remedy,
        )
    return SetupError(cause=Cause.HOST, subject=subject, expected="to be read, written or run", seen=seen)
