"""How an attempt at a node ended: a small file in the run's folder, and what the node's last line is made of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

State = Literal["done", "cached", "skipped", "failed"]


@dataclass(frozen=True)
class Ended:
    """The end of an attempt.

    Attributes:
        state: ``done``, ``cached`` (an earlier result is reused), ``skipped`` (not part of the run) or ``failed``.
        attempt: Which attempt at this result of the node it was, from 1.
        execution: Its execution in ML Metadata.
        started: Seconds since the epoch, for people.
        seconds: Wall time from the start of the process to the end of its work.
        overhead: Seconds from the start of the process until the executor began, 0 where none did.
        cpu: User and system seconds of the work.
        counted: How much was processed, by unit.
        withheld: What it did not do although it ended well.
        decided: What it decided and why.
        model: Id of the model that it made or worked on, as ``penstock lineage`` takes it.
        error: Why it failed, one line.
        code: The exit code.
        upstream: The executions that its inputs come from, by node.
        asked: Which try of the scheduler's it was, 0 where that did not say.
    """

    state: State
    attempt: int = 1
    execution: int | None = None
    started: float = 0.0
    seconds: float = 0.0
    overhead: float = 0.0
    cpu: float = 0.0
    counted: Mapping[str, int] = field(default_factory=dict)
    withheld: str = ""
    decided: str = ""
    model: str = ""
    error: str = ""
    code: int = 0
    upstream: Mapping[str, int] = field(default_factory=dict)
    asked: int = 0

    @property
    def well(self) -> bool:
        """Whether the node has its result."""
        return self.state in ("done", "cached")

    def to_bytes(self) -> bytes:
        """Returns the content of the file."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Ended:
        """Returns what ``to_bytes`` wrote; keys that a newer Penstock has added are ignored."""
        value: dict[str, Any] = json.loads(data)
        return cls(**{one.name: value[one.name] for one in fields(cls) if one.name in value})
