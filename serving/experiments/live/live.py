"""All experiments of a process: what the router and the server hold, and what runs beside their event loop."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from serving.experiments.assignment.units import hashed, layer_key
from serving.experiments.guardrails.alerts import Alerts
from serving.experiments.live.arms import Bystander
from serving.experiments.live.follow import Followed
from serving.experiments.live.guards import Guards
from serving.experiments.live.journal import Journal, recover
from serving.experiments.live.keeper import LEAD, Keeper
from serving.experiments.live.observed import states
from serving.experiments.live.route import Answers
from serving.experiments.live.shadows import Shadows
from serving.experiments.live.takers import Parts
from serving.experiments.log.log import PredictionLog
from serving.experiments.metrics.metrics import Metrics
from serving.experiments.page.traffic import TrafficHistory
from serving.experiments.payload import features
from serving.experiments.state.exposures import Exposures
from serving.experiments.state.open import open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from serving.experiments.contract import Choice, Outcome, Route
    from serving.experiments.document.models import ExperimentsDocument
    from serving.experiments.state.store import Store

log = logging.getLogger(__name__)

TICK: Final = 0.25
"""Seconds between two ticks."""
_JOIN: Final = 30.0
_MOST_WAITING: Final = 100_000
_OBSERVE_EVERY: Final = 2.0
_SETTLE: Final = 1.0
_COUNT_EVERY: Final = 1.0

Answered = list["tuple[Choice, Outcome]"]


class Live:
    """The experiments of a process: ``contract.Traffic`` for a data plane.

    The data plane's loop only reads frozen tables and appends to lists. One thread hands answers to the log, the metrics
    and the exposures each quarter of a second; another keeps the process in step with the store, so that a store that is away
    delays neither answers nor the log.

    Args:
        path: The document.
        overrides: ``a.b=value`` options, laid over the document.
        store: The state instead of the document's, which is closed by ``close`` as well; for tests.
        lead: Seconds from the decision that units move until they do.

    Raises:
        SpecErrors: The document is missing or wrong.
        PenstockError: The state cannot be read: without it, nobody's arm is known.
    """

    def __init__(
        self, path: Path, overrides: Sequence[str] = (), *, store: Store | None = None, lead: float = LEAD
    ) -> None:
        self.followed = Followed(path, overrides)
        document, folder = self.followed.document, path.absolute().parent
        self.store = store or open_store(document.state, folder)
        self.answers = Answers()
        self.prediction_log = (
            PredictionLog(document.log, folder, _unit_features(document)) if document.log else None
        )
        self.metrics = Metrics(
            self.prediction_log.reader if self.prediction_log else None,
            self.prediction_log,
            _addresses(document),
        )
        self.parts = Parts(self.metrics.failed)
        self.exposures = Exposures(self.store, self._covariate)
        self.alerts = Alerts(document.alert)
        self._guards = Guards(self.store, self.alerts)
        self._history = TrafficHistory(self.store)
        self._shadows = Shadows()
        self._journal = _journal(document, folder, self.store)
        self.keeper = Keeper(
            self.followed, self.store, self.answers, document.limits.units, self._guards, self._journal, lead
        )
        self.keeper.failing = self.parts.latest
        self._for_guards: list[tuple[Choice, Outcome]] = []
        self._taking, self._keeping = threading.Lock(), threading.Lock()
        self._ended = threading.Event()
        self._observed = self._counted = float("-inf")
        self._threads: list[threading.Thread] = []
        try:
            self.keeper.poll()
        except BaseException:
            self.close()
            raise
        self._threads = [
            threading.Thread(target=self._every_tick, args=(part,), name=name, daemon=True)
            for name, part in (("experiments-answers", self._take), ("experiments-state", self._keep))
        ]
        for thread in self._threads:
            thread.start()

    @property
    def document(self) -> ExperimentsDocument:
        """The document in force."""
        return self.followed.document

    def route(self, model: str) -> Route | None:
        """Returns the route of a public model name; None if there is no running experiment on it."""
        routes = self.keeper.routes
        if routes.then is not None and time.monotonic() >= routes.at:
            return routes.then.get(model)
        return routes.now.get(model)

    def unit_key(self, experiment: str, unit: str) -> str:
        """Returns what the state knows a unit by.

        Args:
            experiment: An experiment of the document.
            unit: The unit as the caller gives it.
        """
        layer = self.document.experiments[experiment].layer
        return hashed(layer_key(self.document.salt(layer)), unit).hex()

    def settle(self) -> bool:
        """Hands out what was answered and waits until the store has it; returns whether it does. Blocks a second at most."""
        self._take()
        return self.exposures.flush(_SETTLE)

    def _covariate(self, choice: Choice, outcome: Outcome) -> float | None:
        """Returns the number that a unit's comparison is adjusted by."""
        experiment = self.document.experiments.get(choice.experiment)
        name = experiment.planned.covariate if experiment is not None else None
        if name is None:
            return None
        value = features(outcome.api, outcome.method, outcome.request, (name,)).get(name)
        while isinstance(value, list) and len(value) == 1:
            value = value[0]
        return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None

    def tick(self) -> None:
        """Does at once what the threads do each tick; for tests and for the end."""
        self._take()
        self.exposures.flush()
        self._keep(count=True)

    def close(self) -> None:
        """Ends the threads, hands out what waits, writes it and closes everything."""
        self._ended.set()
        for thread in self._threads:
            thread.join(_JOIN)
        self.parts.call("answers", self._take)
        self.parts.call("state", self.exposures.close)
        self.parts.call("state", lambda: self._keep(count=True))
        self.parts.call("guardrails", self._guards.close)
        self.parts.call("page", self._history.close)
        self.parts.call("shadows", lambda: self._shadows.add_to(self.store))
        self.parts.call("state", self.keeper.close)
        self.parts.call("alerts", self.alerts.close)
        self.parts.call("state", self._journal.close)
        if self.prediction_log is not None:
            self.parts.call("log", self.prediction_log.close)
        self.parts.call("state", self.store.close)

    def _every_tick(self, part: Callable[[], None]) -> None:
        while not self._ended.wait(TICK):
            self.parts.call("tick", part)

    def _take(self) -> None:
        """Hands waiting answers to all who take them."""
        with self._taking:
            answered, shadowed = self.answers.drained()
            if self.prediction_log is not None:
                logger = self.prediction_log
                # An experiment may have come to the document: its unit must not be logged as it is.
                logger.unit_features = _unit_features(self.document)
                self.parts.call("log", lambda: logger.take(answered, shadowed))
            self.parts.call("metrics", lambda: self.metrics.take(answered, shadowed))
            self.parts.call("page", lambda: self._history.take(answered))
            self.parts.call("shadows", lambda: self._shadows.take(self.document, answered, shadowed))
            counted = [pair for pair in answered if not isinstance(pair[0], Bystander)]
            if counted:
                self.parts.call("state", lambda: self.exposures.take(counted))
            self._for_guards += answered[: _MOST_WAITING - len(self._for_guards)]

    def _keep(self, *, count: bool | None = None) -> None:
        """Brings the process and the store in step, and lets the guardrails see what was answered."""
        with self._keeping:
            with self._taking:
                batch, self._for_guards = self._for_guards, []
            self.keeper.count(batch)
            self.parts.call("guardrails", lambda: self.keeper.guard(batch))
            now = time.monotonic()
            if count is None:
                count = now - self._counted >= _COUNT_EVERY
            self._counted = now if count else self._counted
            self.parts.call("state", lambda: self.keeper.poll(count=bool(count)))
            self.parts.call("page", lambda: self._history.tick(now))
            if count:
                self.parts.call("shadows", lambda: self._shadows.add_to(self.store))
            if now - self._observed >= _OBSERVE_EVERY:
                self._observed = now
                self.parts.call("metrics", lambda: self.metrics.observe(states(self.keeper, self.store)))


def _journal(document: ExperimentsDocument, folder: Path, store: Store) -> Journal:
    """Returns the journal, after the store was told of those of processes that were killed."""
    state = document.state
    place = folder / (f"{state.sqlite}.units" if state.postgresql is None else ".penstock-units")
    recover(place, store)
    return Journal(place)


def _unit_features(document: ExperimentsDocument) -> dict[str, str]:
    return {name: e.unit.feature for name, e in document.experiments.items() if e.unit.feature}


def _addresses(document: ExperimentsDocument) -> dict[str, str]:
    return {name: backend.rest or backend.grpc or "" for name, backend in document.backends.items()}
