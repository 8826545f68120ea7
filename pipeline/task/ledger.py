"""What has become of a node in a run: its attempts, who is at work on it, how each ended; in small files of the run's folder.

``nodes/NODE/RESULT/ATTEMPT.claim`` is made by exactly one process, which thereby has the attempt; ``.beat`` holds the
number of its last heartbeat, ``.end`` how it ended. A result that is wanted anew gets the next number, and its attempts
start from 1. Nothing is ever changed but the heartbeat.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass

from foundation.errors import LockedError
from foundation.processes.owner import Owner, goes_on
from pipeline.roots.base import Root
from pipeline.task.ended import Ended

_ROUNDS = 20
"""So often a process tries to be the one that makes the next attempt; each time another one was."""
LOOK_SECONDS = 5.0
"""How often a process that waits for another one looks whether it has ended."""


@dataclass(frozen=True)
class Standing:
    """What has become of a node so far.

    Attributes:
        result: Which result of the node it is, from 1.
        attempt: The last attempt at it, 0 if there was none.
        ended: How that ended, None while it has not.
    """

    result: int = 1
    attempt: int = 0
    ended: Ended | None = None

    @property
    def done(self) -> Ended | None:
        """How the result was reached, None if it was not."""
        return self.ended if self.ended and self.ended.well else None


@dataclass(frozen=True)
class Claim:
    """An attempt that this process has.

    Attributes:
        folder: Folder of the result, from the pipeline root.
        result: Which result of the node it is, from 1.
        attempt: Which attempt at it, from 1.
    """

    folder: str
    result: int
    attempt: int

    @property
    def beat(self) -> str:
        """File with the number of the last heartbeat."""
        return f"{self.folder}/{self.attempt:04d}.beat"

    @property
    def end(self) -> str:
        """File that says how it ended."""
        return f"{self.folder}/{self.attempt:04d}.end"

    @property
    def successor(self) -> str:
        """File that the next attempt makes: this one was taken for dead."""
        return f"{self.folder}/{self.attempt + 1:04d}.claim"


class Ledger:
    """The files of one node in one run.

    Args:
        root: The pipeline root.
        run_folder: Folder of the run, from the root.
        node: Id of the node.
        pause: Waits for so many seconds.
    """

    def __init__(
        self, root: Root, run_folder: str, node: str, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._root, self._node, self._pause = root, node, pause
        self._folder = f"{run_folder}/nodes/{node}"

    def standing(self) -> Standing:
        """Returns what has become of the node."""
        return standing(self._root, self._root.list(self._folder))

    def claim(self, anew: Callable[[Ended], bool], asked: int = 0, wait: float = 0.0) -> Claim | Standing:
        """Takes the next attempt, or returns how the node was done.

        Args:
            anew: Whether a result that is there is wanted anew.
            asked: Which try of the scheduler's it is.
            wait: How many seconds another process that is at work on the node is waited for.

        Raises:
            LockedError: Another process is at work on the node.
        """
        for _ in range(_ROUNDS):
            found, wait = self._settled(wait)
            if found.done and not anew(found.done):
                return found
            claim = self._next(found)
            mine = json.dumps({**Owner.this().as_json(), "asked": asked}).encode()
            if self._root.create(f"{claim.folder}/{claim.attempt:04d}.claim", mine):
                self._root.publish(claim.beat, b"1")
                return claim
        raise self._busy("others, again and again")

    def _next(self, found: Standing) -> Claim:
        result, attempt = (found.result + 1, 1) if found.done else (found.result, found.attempt + 1)
        return Claim(f"{self._folder}/{result:04d}", result, attempt)

    def _settled(self, wait: float) -> tuple[Standing, float]:
        """Returns what has become of the node once nobody is at work on it, and how many seconds of waiting are left."""
        while (found := self.standing()).attempt and found.ended is None and (owner := self._at_work(found)):
            if wait <= 0:
                raise self._busy(str(owner))
            self._pause(LOOK_SECONDS)
            wait -= LOOK_SECONDS
        return found, wait

    def _at_work(self, found: Standing) -> Owner | None:
        """Returns who is at work on an attempt that has not ended; None if that process is gone, or has just ended it."""
        claim = Claim(f"{self._folder}/{found.result:04d}", found.result, found.attempt)
        data = self._root.read(f"{claim.folder}/{claim.attempt:04d}.claim")
        owner = Owner.from_json(json.loads(data)) if data else None
        lives = owner.lives_here() if owner else None
        if lives is None:
            lives = goes_on(lambda: int(self._root.read(claim.beat) or 0), self._pause)
        return owner if lives and not self._root.exists(claim.end) else None

    def _busy(self, who: str) -> LockedError:
        return LockedError(
            f"node {self._node}",
            expected="no other process at this node of the run",
            seen=who,
            remedy="wait for it, or end it; then the node may be tried again",
        )


def standing(root: Root, paths: list[str]) -> Standing:
    """Returns what the files of a node say.

    Args:
        root: The pipeline root.
        paths: The node's files, from the root, in order.
    """
    claims = [path for path in paths if path.endswith(".claim")]
    if not claims:
        return Standing()
    folder, _, name = claims[-1].rpartition("/")
    result, attempt = int(folder.rpartition("/")[2]), int(name.partition(".")[0])
    data = root.read(f"{folder}/{attempt:04d}.end") if f"{folder}/{attempt:04d}.end" in paths else None
    return Standing(result, attempt, Ended.from_bytes(data) if data else None)
