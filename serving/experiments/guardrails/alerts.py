"""The alert hook: an address or a command that hears of what happened, on a thread of its own."""

from __future__ import annotations

import json
import logging
import os
import queue
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from serving.experiments.guardrails.config import AlertConfig

log = logging.getLogger(__name__)

ALARMS: Final = frozenset({"arm_removed", "control_failing"})
"""Kinds of alerts that say that something is wrong; the others tell of what a person did."""
_WAITING: Final = 100
"""Alerts that may wait; further ones are dropped and counted."""
_NO_REDIRECT: Final = "a redirect, which is not followed: the token would go elsewhere"


class Alerts:
    """Sends alerts, one after the other, each once. It never waits for the receiver and never raises.

    Args:
        config: Where to; None sends nothing.
        environment: Where the token is read from.
    """

    def __init__(self, config: AlertConfig | None, environment: Mapping[str, str] | None = None) -> None:
        self._config = config
        self._environment = os.environ if environment is None else environment
        self._queue: queue.Queue[bytes | None] = queue.Queue(_WAITING)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self.counts = {"sent": 0, "failed": 0, "dropped": 0}
        """Calls of the hook that went well, failed, and were dropped because too many waited."""

    def send(self, alert: Mapping[str, Any]) -> None:
        """Hands an alert over; returns at once.

        Args:
            alert: Plain JSON without secrets: ``kind``, ``experiment``, ``arm``, ``reason``, ``at``.
        """
        if self._config is None:
            return
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="experiment-alerts", daemon=True)
                self._thread.start()
        try:
            self._queue.put_nowait(json.dumps(alert, sort_keys=True).encode())
        except queue.Full:
            self.counts["dropped"] += 1

    def close(self, seconds: float = 5.0) -> None:
        """Waits for the alerts that are under way, so long at most."""
        if self._thread is None:
            return
        try:
            self._queue.put(None, timeout=seconds)
        except queue.Full:
            return
        self._thread.join(seconds)

    def _run(self) -> None:
        while (body := self._queue.get()) is not None:
            failures = [why for why in (self._post(body), self._call(body)) if why is not None]
            self.counts["sent"] += self._hooks() - len(failures)
            self.counts["failed"] += len(failures)
            for why in failures:
                log.warning("alert hook: %s", why)

    def _hooks(self) -> int:
        config = self._config
        return bool(config and (config.url or config.url_variable)) + bool(config and config.command)

    def _post(self, body: bytes) -> str | None:
        """Returns why the address did not take it; None if it did, or if there is none."""
        config = self._config
        if config is None or not (config.url or config.url_variable):
            return None
        url = config.url or self._environment.get(config.url_variable or "")
        if not url or not url.startswith(("http://", "https://")):
            return f"the environment variable {config.url_variable} holds no address: nothing is sent"
        headers = {"Content-Type": "application/json", "User-Agent": "penstock"}
        if config.token:
            token = self._environment.get(config.token)
            if not token:
                return f"the environment variable {config.token} of its token is not set: nothing is sent"
            headers["Authorization"] = f"Bearer {token}"
        try:
            request = urllib.request.Request(url, body, headers, method="POST")
            with urllib.request.build_opener(_Stay).open(request, timeout=config.timeout) as answer:
                answer.read(1)
        except urllib.error.HTTPError as error:
            return f"the address answered {error.code}" + (
                f": {_NO_REDIRECT}" if 300 <= error.code < 400 else ""
            )
        except (OSError, ValueError) as error:
            return f"the address cannot be reached: {type(error).__name__}"
        return None

    def _call(self, body: bytes) -> str | None:
        """Returns why the command failed; None if it did not, or if there is none."""
        if self._config is None or not self._config.command:
            return None
        try:
            done = subprocess.run(
                self._config.command,
                input=body,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=self._config.timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"the command {self._config.command[0]} ran into its timeout and was ended"
        except (OSError, ValueError) as error:
            return f"the command {self._config.command[0]} cannot be run: {type(error).__name__}"
        return (
            f"the command {self._config.command[0]} ended with {done.returncode}" if done.returncode else None
        )


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """Returns nothing: the redirect becomes an error."""
