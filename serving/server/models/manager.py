"""The model manager: finds versions, loads and unloads them in the right order, and leases them to requests.

Requests read one immutable table and never wait. Everything else happens under one lock that is held only for
microseconds; separate threads list directories and load and close versions outside it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import TimeoutError as FutureTimeoutError

from serving.server.config.model_config import LoggingConfig, ModelConfig, ServerConfig
from serving.server.config.options import Options
from serving.server.engine.signature import ModelSpec
from serving.server.models import discovery, labels
from serving.server.models.harness import Lease, State, VersionStatus
from serving.server.models.model_state import ModelState
from serving.server.models.routes import Routes
from serving.server.models.version_keeper import Loader, VersionKeeper
from serving.server.models.waiting import Turn, Turns, Waiter
from serving.server.status import Code, ServingError

__all__ = ["Lease", "ModelManager", "State", "VersionStatus"]

log = logging.getLogger(__name__)
_PATIENCE = 5.0  # Seconds to wait for all base paths before continuing without the slow ones.

LoggingHook = Callable[[Mapping[str, LoggingConfig]], None]


class ModelManager(VersionKeeper):
    """The keeper of the configured models.

    Args:
        load: Loads a version: name, number, directory → servable; blocks, and runs in its own thread.
        options: The server's options.
        apply_logging: Applies the models' request logging, last in a reload; without it logging is refused.
    """

    def __init__(self, load: Loader, options: Options, apply_logging: LoggingHook | None = None) -> None:
        super().__init__(load, options)
        self._apply_logging = apply_logging
        self._look_now = self._configured = False
        self._looks_begun = self._looks_done = 0
        self._thread: threading.Thread | None = None
        self._ready: Waiter | None = None
        self._turns = Turns()

    # For requests.

    def acquire(self, spec: ModelSpec | None) -> Lease:
        """Leases the version that a request addresses; thread-safe, never waits.

        Raises:
            ServingError: The spec is incomplete or nothing serves it, in TF Serving's words.
        """
        if spec is None:
            raise ServingError(Code.INVALID_ARGUMENT, "Missing ModelSpec")
        while True:
            # A version that closes between look-up and lease has already left the newest table.
            lease = self._routes.find(spec).lease()
            if lease is not None:
                return lease

    def statuses(self, name: str, version: int | None = None) -> list[VersionStatus]:
        """Returns the state of a model's versions, newest first, or of the requested one.

        Raises:
            ServingError: NOT_FOUND if there never was such a version.
        """
        known = self._known(name)
        if version is not None:
            known = [status for status in known if status.version == version]
            if not known:
                raise ServingError(Code.NOT_FOUND, f"Could not find version {version} of model {name}")
        elif not known:
            raise ServingError(Code.NOT_FOUND, f"Could not find any versions of model {name}")
        return known

    def _known(self, name: str) -> list[VersionStatus]:
        with self._lock:
            model = self._models.get(name)
            return model.statuses() if model else []

    def model_names(self) -> list[str]:
        """Returns the currently configured models."""
        with self._lock:
            return [name for name, model in self._models.items() if model.config is not None]

    # Configuration.

    def start(self, config: ServerConfig) -> None:
        """Applies the first configuration and starts looking for versions.

        Raises:
            ServingError: The configuration is refused.
        """
        self.apply(config)
        self._ready = self._wait_for([model.name for model in config.models], "servable(s)")
        self._thread = threading.Thread(target=self._run, name="model-manager", daemon=True)
        self._thread.start()

    def wait_ready(self, timeout: float | None = None) -> bool:
        """Waits until every model of the first configuration has an available version.

        Returns:
            Whether they have; False if the time is up.

        Raises:
            ServingError: UNKNOWN, with the reasons, if a model cannot become available.
        """
        assert self._ready is not None, "call start() first"
        try:
            self._ready.future.result(timeout)
        except FutureTimeoutError:
            return False
        return True

    async def ready(self) -> None:
        """Does the same as ``wait_ready`` on the event loop, without a time limit."""
        assert self._ready is not None, "call start() first"
        await asyncio.wrap_future(self._ready.future)

    def check(self, config: ServerConfig) -> None:
        """Checks whether a configuration would be accepted now; changes nothing.

        Raises:
            ServingError: It would be refused.
        """
        with self._lock:
            self._check(config)

    def apply(self, config: ServerConfig, *, checked: bool = False) -> list[str]:
        """Replaces the configuration, without waiting for its models.

        Args:
            config: The configuration.
            checked: Whether it has already passed ``check``.

        Returns:
            The names of the new models.

        Raises:
            ServingError: The configuration is refused and nothing changes; or, last, only its request logging is refused.
        """
        with self._lock:
            if not checked:
                self._check(config)
            self._configured = self._configured or config.is_list
            new = self._take(config)
            self._advance()
            self._look_now = True
            self._lock.notify_all()
        logged = {model.name: model.logging for model in config.models if model.logging}
        if self._apply_logging is not None:
            self._apply_logging(logged)
        elif logged:
            raise ServingError(Code.INVALID_ARGUMENT, "No request-logger-creator provided.")
        return new

    def reload(self, config: ServerConfig, timeout: float | None = None) -> None:
        """Applies a configuration and waits until every new model has an available version.

        Reloads run one after the other, but one that waits for unpublished versions does not block the next.

        Raises:
            ServingError: It is refused; or it is applied but a new model did not become available.
        """
        turn = self._turns.take()
        try:
            turn.before.result()
            waiter = self._apply_in(turn, config)
        except BaseException:
            turn.give_up()
            raise
        try:
            waiter.future.result(timeout or self._options.reload_wait_seconds or None)
        except FutureTimeoutError as error:
            waiter.future.cancel()
            raise _still_waiting() from error

    async def reload_async(self, config: ServerConfig) -> None:
        """Does the same as ``reload`` on the event loop; a caller may go away."""
        await self._wait_in_time(await self._apply_in_turn(config))

    async def follow(self, config: ServerConfig) -> None:
        """Applies a configuration when its turn comes, without waiting for its models.

        Raises:
            ServingError: It is refused.
        """
        await self._apply_in_turn(config)

    async def available(self, names: list[str]) -> None:
        """Waits until each of these models has an available version.

        Raises:
            ServingError: A model did not become available, or not in time.
        """
        await self._wait_in_time(self._wait_for(names, "model(s)"))

    async def idle(self, names: list[str]) -> None:
        """Waits until these models are available, have failed, or have no version to load."""
        waiter = self._wait_for(names, "model(s)")
        try:
            await asyncio.shield(asyncio.wrap_future(waiter.idle))
        finally:
            waiter.future.cancel()

    async def _apply_in_turn(self, config: ServerConfig) -> Waiter:
        turn = self._turns.take()
        try:
            await asyncio.shield(asyncio.wrap_future(turn.before))
            return self._apply_in(turn, config)
        except BaseException:
            turn.give_up()
            raise

    def _apply_in(self, turn: Turn, config: ServerConfig) -> Waiter:
        waiter = self._wait_for(self.apply(config), "model(s)")
        turn.end_with(waiter)
        return waiter

    async def _wait_in_time(self, waiter: Waiter) -> None:
        try:
            await asyncio.wait_for(
                asyncio.wrap_future(waiter.future), self._options.reload_wait_seconds or None
            )
        except TimeoutError as error:
            raise _still_waiting() from error

    def look(self, timeout: float | None = None) -> bool:
        """Checks the base paths now instead of at the next poll; returns once that is done or the time is up."""
        with self._lock:
            self._look_now = True
            self._lock.notify_all()
            mine = self._looks_begun + 1
            return self._lock.wait_for(lambda: self._looks_done >= mine or self._stopping, timeout)

    def stop(self, timeout: float = 0.0) -> None:
        """Stops polling and leasing, and closes the versions whose leases are released in time."""
        with self._lock:
            self._stopping = True
            self._lock.notify_all()
            live = [h for model in self._models.values() for h in model.available]
            self._routes = Routes()
        deadline = time.monotonic() + timeout
        for harness in live:
            harness.quiesce()
            if harness.wait_idle(max(0.0, deadline - time.monotonic())):
                harness.close()
        if self._thread is not None:
            self._thread.join(max(1.0, deadline - time.monotonic()))

    # Under the lock.

    def _check(self, config: ServerConfig) -> None:
        if self._configured and not config.is_list:
            raise ServingError(
                Code.FAILED_PRECONDITION,
                "Cannot transition to requested config. It is only legal to transition "
                "from one ModelConfigList to another.",
            )
        for model in config.models:
            discovery.local(model.base_path)  # Otherwise the wait for the model would never end.
        labels.check(
            config,
            self._labels,
            self._is_available,
            allow_unavailable=self._options.allow_version_labels_for_unavailable_models,
        )

    def _wait_for(self, names: list[str], noun: str) -> Waiter:
        waiter = Waiter(names, noun)
        with self._lock:
            if not waiter.look(self._models):
                self._waiters.append(waiter)
        return waiter

    def _is_available(self, name: str, version: int) -> bool:
        model = self._models.get(name)
        return model is not None and any(harness.version == version for harness in model.available)

    def _take(self, config: ServerConfig) -> list[str]:
        new = []
        listed = {model.name for model in config.models}
        for name, model in self._models.items():
            if name not in listed and model.config is not None:
                log.info("Removing model: %s", name)
                model.remove()
        for entry in config.models:
            known = self._models.get(entry.name)
            if known is None or known.config is None:
                log.info("Adding model: %s (base path %s)", entry.name, entry.base_path)
                new.append(entry.name)
            if known is None:
                self._models[entry.name] = ModelState(entry)
            else:
                known.configure(entry)
        self._labels = {model.name: dict(model.labels) for model in config.models if model.labels}
        self._publish()
        return new

    # In the manager's own thread.

    def _run(self) -> None:
        next_look = time.monotonic()
        while True:
            with self._lock:
                if self._stopping:
                    return
                if not self._look_now:
                    self._lock.wait(self._pause(next_look))
                due, self._look_now = self._look_now or time.monotonic() >= next_look, False
                if self._stopping:
                    return
                self._advance()
                self._looks_begun += due
            if due:
                self._look_everywhere()
                next_look = time.monotonic() + max(self._options.file_system_poll_wait_seconds, 0)
                with self._lock:
                    self._looks_done = self._looks_begun
                    self._lock.notify_all()

    def _pause(self, next_look: float) -> float | None:
        """Returns how long the manager may sleep: until the next poll or retry; None means until it is woken."""
        moments = [
            harness.retry_at
            for model in self._models.values()
            if not model.busy and self._may_load()  # Otherwise the end of that work wakes the manager.
            for harness in model.harnesses.values()
            if harness.retry_at is not None
        ]
        if self._options.file_system_poll_wait_seconds > 0:
            moments.append(next_look)
        return max(0.0, min(moments) - time.monotonic()) if moments else None

    def _look_everywhere(self) -> None:
        """Checks all base paths in parallel, so that one that hangs (a network file system) does not delay others."""
        every = self._options.file_system_poll_wait_seconds
        looks = []
        with self._lock:
            for model in self._models.values():
                due = every > 0 or (every == 0 and not model.looked)
                if model.config is not None and due and not model.looking:
                    model.looking = True
                    looks.append((model, model.config))
        if len(looks) == 1 and len(self._models) == 1:
            self._look_at(*looks[0])
            return
        threads = [threading.Thread(target=self._look_at, args=look, daemon=True) for look in looks]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + _PATIENCE
        for thread, (_, config) in zip(threads, looks, strict=True):
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                log.warning("Base path %s of servable %s is not responding", config.base_path, config.name)

    def _look_at(self, model: ModelState, config: ModelConfig) -> None:
        try:
            found = discovery.look(config.base_path)
        except ServingError as error:
            log.warning(
                "File-system access error: %s for servable %s; its versions stay as they are",
                error.message,
                config.name,
            )
            found = None
        except Exception:
            log.exception("Base path %s of servable %s cannot be checked", config.base_path, config.name)
            found = None
        with self._lock:
            model.looking = False
            if model.config is config:
                self._found(model, config, found)

    def _found(self, model: ModelState, config: ModelConfig, found: discovery.Found | None) -> None:
        model.looked = True
        if found is not None:
            model.remark(found)
            wanted = config.policy.choose(found.versions)
            model.set_wanted({version: found.versions[version] for version in wanted})
        self._advance()


def _still_waiting() -> ServingError:
    return ServingError(
        Code.DEADLINE_EXCEEDED, "The configuration is applied, but its new models are not available yet."
    )
