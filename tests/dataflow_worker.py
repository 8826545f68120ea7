"""A machine of the stand-in for Dataflow: a process with a home, a temporary and a working folder that are nobody else's.

While it runs a job, what it must not see of the machine that submitted it is not there: it has another name.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_KEPT = ("PATH", "LANG", "STORAGE_EMULATOR_HOST")


@dataclass(frozen=True)
class Machine:
    """The machine.

    Attributes:
        process: Its process.
        unseen: Folders of the submitting machine, which are moved aside while a job runs.
    """

    process: subprocess.Popen[str]
    unseen: Sequence[Path]

    def run(self, pipeline: bytes) -> list[dict[str, Any]]:
        """Runs a staged pipeline and returns its counters.

        Raises:
            RuntimeError: It failed; the text is the worker's.
        """
        assert self.process.stdin and self.process.stdout
        with _aside(self.unseen):
            self.process.stdin.write(base64.b64encode(pipeline).decode() + "\n")
            self.process.stdin.flush()
            answer = json.loads(self.process.stdout.readline())
        if "failed" in answer:
            raise RuntimeError(answer["failed"])
        return list(answer["counters"])


@contextlib.contextmanager
def machine(folder: Path, unseen: Sequence[Path], **variables: str) -> Iterator[Machine]:
    """Runs a machine whose folders are all in one.

    Args:
        folder: That folder.
        unseen: Folders that it must not see.
        variables: Its variables, beside those of places and of the search path.
    """
    for name in ("home", "temporary", "work"):
        (folder / name).mkdir(parents=True)
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    places = {"HOME": str(folder / "home"), "TMPDIR": str(folder / "temporary")}
    search = os.pathsep.join(path for path in sys.path if path)
    with subprocess.Popen(
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder / "work",
        env={**kept, **places, "PYTHONPATH": search, **variables},
    ) as process:
        assert process.stdin
        try:
            yield Machine(process, unseen)
        finally:
            process.stdin.close()


@contextlib.contextmanager
def _aside(folders: Sequence[Path]) -> Iterator[None]:
    moved = [(folder, folder.with_name(f"{folder.name}-unseen")) for folder in folders]
    for folder, other in moved:
        folder.rename(other)
    try:
        yield
    finally:
        for folder, other in moved:
            assert not folder.exists(), f"a worker wrote to {folder}"
            other.rename(folder)


def _serve() -> None:
    from tests.dataflow_service import counters_of

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever libraries print
    for line in sys.stdin:
        try:
            answer: dict[str, Any] = {"counters": counters_of(base64.b64decode(line))}
        except Exception as error:  # noqa: BLE001 - whatever a worker raises, the service says as a message
            answer = {"failed": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    _serve()
