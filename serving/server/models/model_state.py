"""The manager's state of one model: its configuration, its versions and those that ended."""

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
        config: The model's configuration.
    """

    def __init__(self, config: ModelConfig) -> None:
        self.name = config.name
        self.config: ModelConfig | None = config  # None once the model is removed.
        self.harnesses: dict[int, Harness] = {}
        self.history: dict[int, VersionStatus] = {}
        self.wanted: dict[int, Path] = {}
        self.looked = False  # Whether the base path was checked (or tried) for this configuration.
        self.looking = False  # Whether its base path is being listed.
        self.busy = False  # Whether a load or unload is in progress; there is one at a time.
        self.said = ""  # The last remark about the base path, so that it is not repeated at every poll.

    @property
    def available(self) -> list[Harness]:
        """The available versions, lowest number first."""
        found = [h for h in self.harnesses.values() if h.state is State.AVAILABLE]
        return sorted(found, key=lambda harness: harness.version)

    @property
    def working(self) -> bool:
        """Whether a version may become available without a change in the base path."""
        return not self.looked or any(
            h.aspired and h.state in (State.START, State.LOADING) for h in self.harnesses.values()
        )

    @property
    def failed(self) -> list[Harness]:
        """The wanted versions that ended in an error."""
        return [h for h in self.harnesses.values() if h.state is State.END]

    def statuses(self) -> list[VersionStatus]:
        """Returns the status of every version ever seen, newest first."""
        known = {**self.history, **{v: h.status for v, h in self.harnesses.items()}}
        return [known[version] for version in sorted(known, reverse=True)]

    def configure(self, config: ModelConfig) -> None:
        """Sets a new configuration; policy and base path take effect at the next check of the base path."""
        if config != self.config:
            self.config, self.looked, self.said = config, False, ""

    def remove(self) -> None:
        """Drops all versions, because the model is no longer configured; none of them is reused."""
        self.config = None
        for harness in self.harnesses.values():
            harness.doomed = True
        self.set_wanted({})

    def set_wanted(self, wanted: Mapping[int, Path]) -> None:
        """Sets which versions are wanted; loaded ones stay loaded, failed ones stay failed."""
        self.wanted = dict(wanted)
        for version, harness in list(self.harnesses.items()):
            if version not in wanted or harness.doomed:
                self._let_go(harness)
                continue
            if harness.state is State.LOADING and not harness.aspired:
                # It disappeared and came back while it was being loaded, so the old content may have been read.
                harness.doomed = True
                continue
            harness.aspired = True
            if harness.state in (State.START, State.LOADING) and self.config is not None:
                # A retry reads the version's current directory.
                harness.base_path, harness.path = self.config.base_path, wanted[version]
        for version, path in self.wanted.items():
            if version not in self.harnesses and self.config is not None:
                self.harnesses[version] = Harness(self.name, version, self.config.base_path, path)

    def end(self, harness: Harness) -> None:
        """Forgets a version that is gone; if it is wanted again by now, it starts over."""
        harness.state, harness.retry_at = State.END, None
        del self.harnesses[harness.version]
        self.history[harness.version] = harness.status
        self.set_wanted(self.wanted)

    def remark(self, found: Found) -> None:
        """Logs oddities of the base path once, and a lack of versions every time."""
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
        remarks = [f"version {number} is configured but missing" for number in missing]
        remarks += [f"'{name}' is ignored: another directory has the same number" for name in found.doubles]
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
