"""Runs the pipeline again whenever a file that it is made of is saved.

A run is a process of its own, so that it can be ended at any moment and reads own code afresh. A save during a run ends
that run as Ctrl-C does, and starts anew: what its nodes have finished is reused, and a push is never half done.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from foundation.errors import PenstockError
from foundation.processes.tether import tethered
from pipeline.document.loader import load
from pipeline.runs.session import Session
from pipeline.watch.files import Contents, Saves, changed, files_named, files_of, named

SECONDS_BETWEEN_LOOKS = 0.1
"""A burst of saves has ended when two looks in a row find the same."""
SECONDS_TO_END = 60.0
"""Time for a run to close everything after Ctrl-C."""
ENDED_BY_CTRL_C = 130
_BOOT = "import sys; sys.path[:] = {path!r}; from pipeline.cli.main import main; main()"

Say = Callable[[str], None]


class Watch:
    """Watches one document.

    Args:
        files: The document; several are layered.
        overrides: Values given on the command line.
        say: Prints a line.
        differences: Says what differs between the run that stood before and the last one, a line each.
    """

    def __init__(
        self,
        files: Sequence[Path],
        overrides: Sequence[str],
        say: Say,
        differences: Callable[[Session, str, str], Iterable[str]],
    ) -> None:
        self._files, self._overrides = [Path(file).absolute() for file in files], list(overrides)
        self._say, self._differences = say, differences
        self._saves = Saves(set(self._files))

    def forever(self) -> None:
        """Runs, and runs again after each save, until it is ended by Ctrl-C."""
        while True:
            self._session()  # for the files that the document names
            seen = self._settled()
            if self._run(seen):
                there = sum(bool(content) for content in seen.values())
                self._say(f"Watching {there} files; a save starts the run, Ctrl-C ends this.")
                self._wait(seen)

    def _settled(self) -> Contents:
        """Waits until nothing is being saved; returns what the files hold."""
        last = self._saves.look()
        while True:
            time.sleep(SECONDS_BETWEEN_LOOKS)
            now = self._saves.look()
            if now == last and all(now[file] for file in self._files):
                return now
            last = now

    def _wait(self, seen: Contents) -> None:
        while not (saved := changed(seen, self._saves.look())):
            time.sleep(SECONDS_BETWEEN_LOOKS)
        self._say(f"\nSaved: {named(saved)}.")

    def _run(self, seen: Contents) -> bool:
        """Runs once; returns whether it came to its end rather than being overtaken by a save."""
        before = self._standing()
        process = subprocess.Popen(
            tethered([sys.executable, "-I", "-c", _boot(), "run", *self._arguments()], signal.SIGINT),
            stdin=subprocess.DEVNULL,
            process_group=0,
        )
        try:
            while process.poll() is None:
                if saved := changed(seen, self._saves.look()):
                    _end(process)
                    self._say(f"\nSaved during the run: {named(saved)}; it starts anew.")
                    return False
                time.sleep(SECONDS_BETWEEN_LOOKS)
        finally:
            _end(process)
        if process.returncode == 0:
            self._tell(before)
        elif process.returncode == ENDED_BY_CTRL_C:
            raise KeyboardInterrupt
        return not changed(seen, self._look_again(seen))

    def _look_again(self, seen: Contents) -> Contents:
        """Returns the content of what is watched from now on: the run may have shown more files, or a new schema."""
        now = self._saves.look()
        new = {path: content for path, content in now.items() if path not in seen}
        seen |= new
        return now

    def _arguments(self) -> list[str]:
        files = [text for file in self._files for text in ("-f", str(file))]
        return [*files, *(text for one in self._overrides for text in ("--set", one))]

    def _session(self) -> Session | None:
        """Opens the document and watches what it is made of; None while it is broken, which the run itself reports."""
        try:
            session = Session(load(self._files, self._overrides))
            self._saves.files = files_of(session, self._files)
        except PenstockError:
            self._saves.files |= files_named(self._files, self._overrides)
            return None
        return session

    def _standing(self) -> str:
        """Returns the id of the last complete run, empty without one."""
        session = self._session()
        runs = session.runs.all() if session else []
        return next((run.id for run in reversed(runs) if run.state == "complete"), "")

    def _tell(self, before: str) -> None:
        session, after = self._session(), self._standing()
        if session and before and after != before:
            try:
                for line in self._differences(session, before, after):
                    self._say(line)
            except PenstockError as error:
                self._say(f"What changed since run {before} cannot be told: {error}")


def _boot() -> str:
    return _BOOT.format(path=[path for path in sys.path if path])


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a run as Ctrl-C does, if it still runs."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
