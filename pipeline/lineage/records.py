"""The records that lineage queries return, plain and frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Value = int | float | str | bool


@dataclass(frozen=True)
class Artifact:
    """One artifact of ML Metadata.

    Attributes:
        id: Its id in the store.
        type: Type name, such as ``Model``.
        uri: Folder or file.
        state: ``LIVE``, ``PENDING``, ``DELETED`` and so on, as MLMD names them.
        properties: Properties and custom properties together.
        created: Creation time in seconds since the epoch.
    """

    id: int
    type: str
    uri: str
    state: str
    properties: Mapping[str, Value] = field(default_factory=dict)
    created: float = 0.0


@dataclass(frozen=True)
class Execution:
    """One execution of a node.

    Attributes:
        id: Its id in the store.
        node: Node id, such as ``Trainer``.
        state: ``RUNNING``, ``COMPLETE``, ``CACHED``, ``FAILED``, ``CANCELED``.
        properties: Properties and custom properties together.
        run: Id of the run that it belongs to.
        started: Seconds since the epoch.
        ended: Time of the last change, in seconds since the epoch.
        inputs: Input key → artifact ids.
        outputs: Output key → artifact ids.
    """

    id: int
    node: str
    state: str
    properties: Mapping[str, Value]
    run: str
    started: float
    ended: float
    inputs: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    outputs: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """The node's fingerprint at that time, or an empty string."""
        return str(self.properties.get("penstock_fingerprint", ""))

    @property
    def seconds(self) -> float:
        """Wall time from start to the last change of state."""
        return max(0.0, self.ended - self.started)
