"""Who trains together: processes of this machine, or of several by ``TF_CONFIG``.

``TF_CONFIG`` is TensorFlow's own contract: JSON with the addresses of all workers and which of them this process is. The
first worker, or the one called ``chief``, is the chief: it runs the node and writes its results.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from foundation.errors import SpecError

TF_CONFIG = "TF_CONFIG"
HOST = "127.0.0.1"
_EXAMPLE = '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}} in TF_CONFIG'


@dataclass(frozen=True)
class Cluster:
    """The workers of a training and which of them this is.

    Attributes:
        workers: Kind (``chief`` or ``worker``) → addresses, ``host:port``.
        kind: Kind of this worker.
        index: Its number among its kind.
    """

    workers: Mapping[str, tuple[str, ...]]
    kind: str
    index: int

    @classmethod
    def local(cls, count: int) -> tuple[Cluster, ...]:
        """Returns workers on free ports of this machine, the chief first."""
        held = [socket.socket() for _ in range(count)]
        try:
            for one in held:
                one.bind((HOST, 0))
            addresses = tuple(f"{HOST}:{one.getsockname()[1]}" for one in held)
        finally:
            for one in held:
                one.close()
        return tuple(cls({"worker": addresses}, "worker", index) for index in range(count))

    @classmethod
    def from_environment(cls) -> Cluster:
        """Returns what ``TF_CONFIG`` says.

        Raises:
            SpecError: There is none, or it is not what TensorFlow takes.
        """
        text = os.environ.get(TF_CONFIG, "")
        if not text:
            raise _unusable("none")
        try:
            given = json.loads(text)
            workers = {kind: tuple(map(str, addresses)) for kind, addresses in given["cluster"].items()}
            kind, index = str(given["task"]["type"]), int(given["task"]["index"])
            workers[kind][index]
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            raise _unusable(f"{type(error).__name__} in reading it") from error
        if other := sorted(set(workers) - {"chief", "worker"}):
            raise _unusable(f"workers called {', '.join(other)}")
        return cls(workers, kind, index)

    @property
    def is_chief(self) -> bool:
        """Whether this is the worker that runs the node."""
        return self.kind == ("chief" if self.workers.get("chief") else "worker") and self.index == 0

    @property
    def size(self) -> int:
        """Number of workers."""
        return sum(map(len, self.workers.values()))

    @property
    def digest(self) -> str:
        """What all workers of this cluster, and no others, have in common."""
        whole = json.dumps({kind: list(found) for kind, found in sorted(self.workers.items())})
        return hashlib.sha256(whole.encode()).hexdigest()[:16]

    @property
    def variable(self) -> str:
        """The value of ``TF_CONFIG`` for this worker."""
        workers = {kind: list(found) for kind, found in self.workers.items()}
        return json.dumps({"cluster": workers, "task": {"type": self.kind, "index": self.index}})


def _unusable(seen: str) -> SpecError:
    return SpecError(
        "train.devices: the workers of multi_worker",
        expected=_EXAMPLE,
        seen=seen,
        remedy="set TF_CONFIG on each machine, or give train.devices.workers to start them all on this one",
    )
