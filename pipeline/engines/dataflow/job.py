"""One job on Dataflow: waiting for its end, which is believed only if it is ``DONE``, and cancelling it."""

from __future__ import annotations

import logging
import re
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from foundation.errors import NodeError, PenstockError, told_in

log = logging.getLogger(__name__)

DONE = "JOB_STATE_DONE"
_ENDED = frozenset(
    {
        DONE,
        "JOB_STATE_FAILED",
        "JOB_STATE_CANCELLED",
        "JOB_STATE_UPDATED",
        "JOB_STATE_DRAINED",
        "JOB_STATE_STOPPED",
    }
)
"""``JOB_STATE_STOPPED`` is "not yet started" for a job that a template made; ours are started at once."""
_CANCELLED = "JOB_STATE_CANCELLED"
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0
_EXPLAINED = 3
"""Messages that an error quotes."""
_SHOWN = 400
"""Characters of a message that an error quotes."""
_SHORTAGE = re.compile(r"RESOURCE_POOL_EXHAUSTED|RESOURCE_EXHAUSTED|STOCKOUT|quota|rate limit", re.IGNORECASE)
"""What the service says where a zone has no machines left or a project may have no more: later it may."""
_LEVELS = {
    "JOB_MESSAGE_ERROR": logging.ERROR,
    "JOB_MESSAGE_WARNING": logging.WARNING,
    "JOB_MESSAGE_BASIC": logging.INFO,
}


class JobError(NodeError):
    """A job did not end well, or its name is taken.

    Args:
        subject: The job.
        expected: What would have been right.
        seen: What became of it.
        remedy: Where to look.
    """


@dataclass
class RemoteJob:
    """A job that the service knows.

    Attributes:
        client: Beam's ``DataflowApplicationClient``.
        id: The service's id of the job.
        name: Its name.
        console: Address of its page.
        sleep: Waits some seconds.
    """

    client: Any
    id: str
    name: str
    console: str
    sleep: Callable[[float], None] = time.sleep
    _heard: set[tuple[str, str]] = field(default_factory=set)
    _told: PenstockError | None = None
    _complaints: deque[str] = field(default_factory=lambda: deque(maxlen=_EXPLAINED))

    def wait(self) -> None:
        """Waits until the job has ended, and logs its messages.

        Whatever ends the waiting, such as SIGTERM to this process, cancels the job: nobody would take its result.

        Raises:
            JobError: It ended in any state but ``DONE``.
            PenstockError: So it did, and a worker's messages tell of this error of ours.
        """
        log.info("Dataflow job %s (%s) was submitted: %s", self.name, self.id, self.console)
        try:
            state = self._ended()
        except BaseException:
            self.cancel()
            raise
        if state != DONE:
            seen = ": ".join([state, *self._complaints])
            failed = JobError(
                f"Dataflow job {self.name} ({self.id})",
                expected=DONE,
                seen=seen,
                remedy=f"see {self.console}",
            ).passing(_SHORTAGE.search(seen) is not None)
            if self._told is not None:
                raise self._told from failed
            raise failed

    def _ended(self) -> str:
        pause, before = _FIRST_PAUSE, ""
        while True:
            state = self.state()
            if state != before:
                log.info("Dataflow job %s is in state %s", self.id, state)
                before = state
            self._listen()
            if state in _ENDED:
                return state
            self.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def state(self) -> str:
        """Returns the state that the service gives, such as ``JOB_STATE_RUNNING``."""
        found = self.client.get_job(self.id).current_state
        return str(found.name) if found is not None else "JOB_STATE_UNKNOWN"

    def cancel(self, wait: bool = False) -> None:
        """Asks the service to cancel the job.

        Args:
            wait: Whether to wait until it has ended, so that nothing of it writes any more.
        """
        log.warning("Cancelling Dataflow job %s (%s): %s", self.name, self.id, self.console)
        self.client.modify_job_state(self.id, _CANCELLED)
        if wait:
            self._ended()

    def _listen(self) -> None:
        for message in self._messages():
            key = (str(message.time), message.message_text)
            if key in self._heard:
                continue
            self._heard.add(key)
            level = _LEVELS.get(getattr(message.message_importance, "name", ""), logging.DEBUG)
            log.log(level, "Dataflow: %s", message.message_text)
            if level >= logging.WARNING:
                self._complaints.append(message.message_text.strip()[-_SHOWN:])
                self._told = told_in(message.message_text) or self._told

    def _messages(self) -> Iterator[Any]:
        page = None
        while True:
            found, page = self.client.list_messages(
                self.id, page_token=page, minimum_importance="JOB_MESSAGE_BASIC"
            )
            yield from found
            if not page:
                return


def console(region: str, project: str, job_id: str) -> str:
    """Returns the address of a job's page in Google's console."""
    return f"https://console.cloud.google.com/dataflow/jobs/{region}/{job_id}?project={project}"
