"""Loads and unloads versions in separate threads, one at a time per model."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from serving.server.config.options import Options
from serving.server.models import discovery
from serving.server.models.harness import Closable, Harness, State, as_serving_error
from serving.server.models.model_state import ModelState
from serving.server.models.routes import Routes
from serving.server.models.version_order import Action, next_action
from serving.server.models.waiting import Waiter
from serving.server.status import ServingError

log = logging.getLogger(__name__)
_MANY = 4 * (os.cpu_count() or 1)

Loader = Callable[[str, int, Path], Closable]


class VersionKeeper:
    """Brings the versions of all models to their wanted state, and publishes the available ones.

    Args:
        load: Loads a version: name, number, directory → servable; blocks, and runs in its own thread.
        options: The server's options.
    """

    def __init__(self, load: Loader, options: Options) -> None:
        self._load_version = load
        self._options = options
        self._lock = threading.Condition(threading.Lock())
        self._models: dict[str, ModelState] = {}
        self._labels: dict[str, Mapping[str, int]] = {}
        self._routes = Routes()
        self._waiters: list[Waiter] = []
        self._loading = self._unloading = 0
        self._stopping = False

    # Under the lock.

    def _publish(self) -> None:
        if not self._stopping:
            serving = {name: model.available for name, model in self._models.items()}
            self._routes = Routes(serving, self._labels)

    def _advance(self) -> None:
        """Starts every step that is possible now, all unloads before loads."""
        self._waiters = [waiter for waiter in self._waiters if not waiter.look(self._models)]
        if self._stopping:
            return
        now = time.monotonic()
        free = [model for model in self._models.values() if not model.busy]
        steps = [(model, step) for model in free if (step := next_action(model.harnesses.values(), now))]
        for model, step in sorted(steps, key=lambda pair: not pair[1].unload):
            self._begin(model, step)

    def _begin(self, model: ModelState, step: Action) -> None:
        if step.unload:
            if self._unloading < (self._options.num_unload_threads or _MANY):
                self._begin_unload(model, step.harness)
            return
        if not self._may_load():
            return
        harness = step.harness
        harness.state, harness.retry_at = State.LOADING, None
        model.busy = True
        self._loading += 1
        self._spawn(self._load, model, harness, verb="load")

    def _may_load(self) -> bool:
        return self._loading < (self._options.num_load_threads or _MANY)

    def _begin_unload(self, model: ModelState, harness: Harness) -> None:
        harness.state = State.UNLOADING
        model.busy = True
        self._unloading += 1
        self._publish()
        harness.quiesce()
        self._spawn(self._unload, model, harness, verb="unload")

    def _spawn(self, work: Callable[..., None], model: ModelState, harness: Harness, verb: str) -> None:
        name = f"{verb}-{harness.name}-{harness.version}"
        threading.Thread(target=work, args=(model, harness), name=name, daemon=True).start()

    # In separate threads.

    def _load(self, model: ModelState, harness: Harness) -> None:
        log.info("Loading servable version %s from %s", harness, harness.path)
        began = time.monotonic()
        error: ServingError | None = None
        final = False
        try:
            if self._options.refuse_outside_links:
                final = True
                discovery.check_inside(harness.base_path, harness.path)
                final = False
            harness.put(self._load_version(harness.name, harness.version, harness.path))
        except Exception as caught:  # noqa: BLE001 - whatever a model does, the others keep serving
            error = as_serving_error(caught)
        with self._lock:
            model.busy = False
            self._loading -= 1
            if error is not None:
                self._load_failed(model, harness, error, final=final)
            elif harness.doomed:
                self._begin_unload(model, harness)
            else:
                harness.state, harness.error = State.AVAILABLE, None
                harness.open()
                self._publish()
                log.info(
                    "Successfully loaded servable version %s in %.3f s", harness, time.monotonic() - began
                )
            self._advance()
            self._lock.notify_all()

    def _load_failed(self, model: ModelState, harness: Harness, error: ServingError, *, final: bool) -> None:
        harness.error = error
        harness.attempts += 1
        retries = self._options.max_num_load_retries
        if harness.aspired and harness.attempts <= retries and not final and not self._stopping:
            wait = max(0.0, self._options.load_retry_interval_micros / 1e6)
            harness.retry_at = time.monotonic() + wait
            log.warning(
                "Servable %s cannot be loaded (try %d of %d, the next in %.1f s): %s",
                harness,
                harness.attempts,
                retries + 1,
                wait,
                error,
            )
            return
        log.error("Servable %s cannot be loaded: %s", harness, error)
        harness.state = State.END
        if not harness.aspired:
            model.end(harness)

    def _unload(self, model: ModelState, harness: Harness) -> None:
        harness.wait_idle()
        try:
            harness.close()
        except Exception:
            log.exception("Servable %s could not be closed cleanly", harness)
        log.info("Successfully unloaded servable version %s", harness)
        with self._lock:
            model.busy = False
            self._unloading -= 1
            model.end(harness)
            self._advance()
            self._lock.notify_all()
