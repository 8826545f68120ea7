"""What the manager knows of one model: its configuration, its versions and those that ended."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from serving.server.models.harness import Harness, State, VersionStatus

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from serving.server.config.model_config import ModelConfig
    from serving.server.models.discovery import Found

log = logging.getLogger(__name__)


class ModelState:
    """One model. Everything here is guarded by the manager's lock.

    Args:
        config: What is configured.
    """

    def __init__(self, config: ModelConfig) -> None:
        self.name = config.name
        self.config: ModelConfig | None = config  # None once the model is removed.
        self.harnesses: dict[int, Harness] = {}
        self.history: dict[int, VersionStatus] = {}
        self.wanted: dict[int, Path] = {}
        self.looked = False  # The base path was looked at (or tried) for this configuration.
        self.looking = False  # Its base path is being listed.
        self.busy = False  # A load or an unload is under way: one at a time.
        self.said = ""  # The last remark about the base path, so that it is not logged at every poll.

    @property
    def available(self) -> list[Harness]:
        """The versions that serve, lowest number first."""
        found = [h for h in self.harnesses.values() if h.state is State.AVAILABLE]
        return sorted(found, key=lambda harness: harness.version)

    @property
    def working(self) -> bool:
        """A version may become available without anything new in the base path."""
        return not self.looked or any(
            h.aspired and h.state in (State.START, State.LOADING) for h in self.harnesses.values()
        )

    @property
    def failed(self) -> list[Harness]:
        """The wanted versions that ended in an error."""
        return [h for h in self.harnesses.values() if h.state is State.END]

    def statuses(self) -> list[VersionStatus]:
        """Returns every version ever seen, newest first."""
        known = {**self.history, **{v: h.status for v, h in self.harnesses.items()}}
        return [known[version] for version in sorted(known, reverse=True)]

    def configure(self, config: ModelConfig) -> None:
        """Takes a new configuration; policy and base path act when the base path is looked at next."""
        if config != self.config:
            self.config, self.looked, self.said = config, False, ""

    def remove(self) -> None:
        """Lets all versions go, for the model is no longer configured; none of them is taken up again."""
        self.config = None
        for harness in self.harnesses.values():
            harness.doomed = True
        self.set_wanted({})

    def set_wanted(self, wanted: Mapping[int, Path]) -> None:
        """Sets which versions are wanted now; loaded ones stay as they are, failed ones stay failed."""
        self.wanted = dict(wanted)
        for version, harness in list(self.harnesses.items()):
            if version not in wanted or harness.doomed:
                self._let_go(harness)
                continue
            if harness.state is State.LOADING and not harness.aspired:
                # It went and came back while it was read: what comes of that may be the old content.
                harness.doomed = True
                continue
            harness.aspired = True
            if harness.state in (State.START, State.LOADING) and self.config is not None:
                # A retry reads where the version is now.
                harness.base_path, harness.path = self.config.base_path, wanted[version]
        for version, path in self.wanted.items():
            if version not in self.harnesses and self.config is not None:
                self.harnesses[version] = Harness(self.name, version, self.config.base_path, path)

    def end(self, harness: Harness) -> None:
        """Forgets a version that is gone; if it is wanted again meanwhile, it starts afresh."""
        harness.state, harness.retry_at = State.END, None
        del self.harnesses[harness.version]
        self.history[harness.version] = harness.status
        self.set_wanted(self.wanted)

    def remark(self, found: Found) -> None:
        """Logs what is odd about the base path; that there is no version at all, every time."""
        config = self.config
        if config is None:
            return
        if not found.versions:
            log.warning(
                "No versions of servable %s found under base path %s. "
                "Did you forget to name your leaf directory as a number (eg. '/1/')? %s",
                config.name,
                config.base_path,
                found.remedy,
            )
        missing = sorted(set(config.policy.versions) - set(found.versions))
        remarks = [f"version {number} is configured and not there" for number in missing]
        remarks += [f"'{name}' is left out: another directory has the same number" for name in found.doubles]
        text = "; ".join(remarks)
        if text and text != self.said:
            log.warning("Servable %s, base path %s: %s", config.name, config.base_path, text)
        self.said = text

    def _let_go(self, harness: Harness) -> None:
        harness.aspired = False
        waiting = harness.state is State.START or harness.retry_at is not None
        if waiting or harness.state is State.END:
            harness.state, harness.retry_at = State.END, None
            del self.harnesses[harness.version]
            self.history[harness.version] = harness.status
