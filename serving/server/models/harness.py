"""The life of one version of a model, and the leases that requests hold on it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Protocol

from serving.server.status import Code, ServingError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType


class State(IntEnum):
    """The states of a version, numbered as in ``ModelVersionStatus.State``."""

    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """What GetModelStatus reports about one version.

    Attributes:
        version: The number.
        state: Its current state.
        error: Why it does not serve; None while it is healthy.
    """

    version: int
    state: State
    error: ServingError | None = None

    @property
    def code(self) -> Code:
        """The error's code, or OK."""
        return self.error.code if self.error else Code.OK

    @property
    def message(self) -> str:
        """The error's text, or an empty string."""
        return self.error.message if self.error else ""


class Closable(Protocol):
    """What a loader returns: an object to close when its version is unloaded."""

    def close(self) -> None:
        """Frees the version's resources."""


class Lease:
    """A request's hold on a version, which is not unloaded before the lease is released.

    Args:
        harness: The version's keeper.
        servable: The loaded version.
        version: The version's number.
    """

    __slots__ = ("_harness", "servable", "version")

    def __init__(self, harness: Harness, servable: Any, version: int) -> None:
        self._harness: Harness | None = harness
        self.servable = servable
        self.version = version

    def release(self) -> None:
        """Releases the version; a second call does nothing."""
        harness, self._harness = self._harness, None
        if harness is not None:
            harness.give_back()

    def __enter__(self) -> Lease:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class Harness:
    """The keeper of one version. Everything but the leases is guarded by the manager's lock.

    Args:
        name: The model's name.
        version: The number.
        base_path: The model's base path when the version was found.
        path: The version's directory.
    """

    __slots__ = (
        "_idle",
        "_leases",
        "_lock",
        "_open",
        "_servable",
        "aspired",
        "attempts",
        "base_path",
        "doomed",
        "error",
        "name",
        "path",
        "retry_at",
        "state",
        "version",
    )

    def __init__(self, name: str, version: int, base_path: str, path: Path) -> None:
        self.name, self.version, self.base_path, self.path = name, version, base_path, path
        self.state = State.START
        self.error: ServingError | None = None
        self.aspired = True  # Whether the policy wants it.
        self.doomed = False  # Whether its model was removed: it is not reused, even if it is wanted again.
        self.attempts = 0
        self.retry_at: float | None = None
        self._servable: Any = None
        self._lock = threading.Lock()
        self._leases = 0
        self._open = False
        self._idle = threading.Event()

    @property
    def status(self) -> VersionStatus:
        """What GetModelStatus reports now."""
        return VersionStatus(self.version, self.state, self.error)

    def put(self, servable: Closable) -> None:
        """Stores the loaded version; leases are granted after ``open``."""
        self._servable = servable

    def open(self) -> None:
        """Grants leases from now on."""
        with self._lock:
            self._open = True

    def lease(self) -> Lease | None:
        """Returns a lease, or None if the version is being unloaded."""
        with self._lock:
            if not self._open:
                return None
            self._leases += 1
        return Lease(self, self._servable, self.version)

    def give_back(self) -> None:
        """Takes one lease back."""
        with self._lock:
            self._leases -= 1
            if not self._open and self._leases == 0:
                self._idle.set()

    def quiesce(self) -> None:
        """Grants no more leases."""
        with self._lock:
            self._open = False
            if self._leases == 0:
                self._idle.set()

    def wait_idle(self, timeout: float | None = None) -> bool:
        """Waits for every lease to be released; returns whether they all were."""
        return self._idle.wait(timeout)

    def close(self) -> None:
        """Closes and drops the servable."""
        servable, self._servable = self._servable, None
        if servable is not None:
            servable.close()

    def __str__(self) -> str:
        return f"{{name: {self.name} version: {self.version}}}"


def as_serving_error(error: Exception) -> ServingError:
    """Returns a loader's exception as the error for status and log."""
    if isinstance(error, ServingError):
        return error
    code = {
        FileNotFoundError: Code.NOT_FOUND,
        PermissionError: Code.PERMISSION_DENIED,
        MemoryError: Code.RESOURCE_EXHAUSTED,
    }.get(type(error), Code.INTERNAL)
    return ServingError(code, f"{type(error).__name__}: {error}")
