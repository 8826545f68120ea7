"""A manager over directories, with a loader that needs no TensorFlow."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from serving.server.config.model_config import ModelConfig, ServerConfig, VersionPolicy, checked
from serving.server.config.options import Options
from serving.server.engine.signature import ModelSpec
from serving.server.models.manager import ModelManager, State
from serving.server.status import Code, ServingError


class Loaded:
    """A loaded version: remembers what it was loaded from and whether it is closed."""

    def __init__(self, version: int, content: str) -> None:
        self.version, self.content, self.closed = version, content, False

    def close(self) -> None:
        self.closed = True


class World:
    """Base paths below one folder, a loader that reads them, and a manager."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.loads: list[tuple[str, int]] = []
        self.loaded: list[Loaded] = []
        self.gates: dict[tuple[str, int], threading.Event] = {}
        self.manager: ModelManager
        self.logging: list[Any] = []

    def base(self, model: str = "m") -> Path:
        path = self.root / model
        path.mkdir(exist_ok=True)
        return path

    def put(self, version: int | str, model: str = "m", *, broken: bool = False, content: str = "") -> Path:
        """Publishes a version by rename, as recommended."""
        staging = self.root / f".staging-{model}-{version}"
        staging.mkdir()
        (staging / "content").write_text("broken" if broken else content)
        target = self.base(model) / str(version)
        staging.rename(target)
        return target

    def take(self, version: int | str, model: str = "m") -> None:
        shutil.rmtree(self.base(model) / str(version))

    def hold(self, version: int, model: str = "m") -> threading.Event:
        """Makes the version's load wait until the returned event is set."""
        return self.gates.setdefault((model, version), threading.Event())

    def load(self, name: str, version: int, path: Path) -> Loaded:
        self.loads.append((name, version))
        gate = self.gates.get((name, version))
        if gate is not None:
            assert gate.wait(10)
        content = (path / "content").read_text()
        if content == "broken":
            raise ServingError(Code.DATA_LOSS, f"version {version} is broken")
        loaded = Loaded(version, content)
        self.loaded.append(loaded)
        return loaded

    def start(self, *configs: ModelConfig, wait: bool = True, **flags: Any) -> ModelManager:
        defaults: dict[str, Any] = {
            "file_system_poll_wait_seconds": 3600,
            "max_num_load_retries": 0,
            "load_retry_interval_micros": -1,
        }
        self.manager = ModelManager(self.load, Options(**{**defaults, **flags}))
        self.manager.start(self.config(*configs))
        if wait:
            assert self.manager.wait_ready(5)
        return self.manager

    def config(self, *configs: ModelConfig) -> ServerConfig:
        return checked(configs or (self.model(),))

    def model(self, name: str = "m", policy: VersionPolicy | None = None, **rest: Any) -> ModelConfig:
        return ModelConfig(name, str(self.base(name)), policy=policy or VersionPolicy(), **rest)

    def look(self) -> None:
        assert self.manager.look(5)

    def states(self, model: str = "m") -> dict[int, State]:
        try:
            return {status.version: status.state for status in self.manager.statuses(model)}
        except ServingError:
            return {}

    def until(self, condition: Callable[[], object], seconds: float = 5.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"not in time; states: {self.states()}"
            time.sleep(0.002)

    def until_states(self, expected: dict[int, State], model: str = "m") -> None:
        self.until(lambda: self.states(model) == expected)

    def serving(self, model: str = "m", **spec: Any) -> int | None:
        """The version that answers a request, or None."""
        try:
            with self.manager.acquire(ModelSpec(model, **spec)) as lease:
                assert not lease.servable.closed
                return lease.version
        except ServingError as error:
            assert error.code is Code.NOT_FOUND, error
            return None
