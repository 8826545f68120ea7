"""From answered requests to exposures in the store: a thread of its own, so that a store that is away delays nobody."""

from __future__ import annotations

import logging
import threading
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Final

from serving.experiments.state.store import Exposure, StoreAwayError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from serving.experiments.contract import Choice, Outcome
    from serving.experiments.state.store import Store

    Covariate = Callable[[Choice, Outcome], float | None]

log = logging.getLogger(__name__)

LONGEST_ID: Final = 200
"""The most characters of a request's id."""
_AT_A_TIME: Final = 5_000
_MOST_WAITING: Final = 200_000
_RETRY: Final = 0.5
_LAST_ATTEMPT: Final = 6.0


class Exposures:
    """Writes exposures to the store in the order of their arrival.

    While the store is away they wait in memory, up to a bound; beyond it the newest are dropped and counted.

    Args:
        store: The state.
        covariate: Returns the score that a unit's comparison is adjusted by.
        most_waiting: The bound.
    """

    def __init__(
        self, store: Store, covariate: Covariate | None = None, most_waiting: int = _MOST_WAITING
    ) -> None:
        self._store, self._covariate, self._most = store, covariate, most_waiting
        self._waiting: deque[Exposure] = deque()
        self._changed, self._closed, self._away = threading.Condition(), False, False
        self.lost = 0
        """Exposures that were dropped."""
        self._thread = threading.Thread(target=self._run, name="exposures", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Exposures that are not written yet."""
        return len(self._waiting)

    def take(self, batch: Sequence[tuple[Choice, Outcome]]) -> None:
        """Takes answered requests; never waits for the store."""
        exposures = [self._exposure(choice, outcome) for choice, outcome in batch]
        good = [one for one in exposures if one is not None]
        with self._changed:
            room = max(0, self._most - len(self._waiting))
            self._waiting.extend(good[:room])
            self.lost += len(batch) - min(len(good), room)
            self._changed.notify()

    def _exposure(self, choice: Choice, outcome: Outcome) -> Exposure | None:
        request = outcome.request_id
        if not 0 < len(request) <= LONGEST_ID or not request.isprintable():
            return None
        return Exposure(
            choice.experiment,
            choice.unit.hex() or request,
            request,
            choice.arm,
            choice.propensity,
            choice.table,
            choice.epoch,
            dict(choice.probabilities),
            self._covariate(choice, outcome) if self._covariate else None,
            choice.context,
        )

    def flush(self, seconds: float = _LAST_ATTEMPT) -> bool:
        """Waits until everything that was taken is written; returns whether it is."""
        with self._changed:
            self._changed.notify()
            return self._changed.wait_for(lambda: not self._waiting, seconds)

    def close(self) -> None:
        """Writes what waits, if the store answers, and ends the thread."""
        self.flush()
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()
        if self._waiting:
            log.error("%d exposures are lost: the state did not answer until the end", len(self._waiting))

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    return
                batch = list(islice(self._waiting, _AT_A_TIME))
            done = self._written(batch)
            with self._changed:
                for _ in range(done):
                    self._waiting.popleft()
                self._changed.notify_all()
                if not done:
                    self._changed.wait_for(lambda: self._closed, _RETRY)

    def _written(self, batch: list[Exposure]) -> int:
        """Writes a batch; returns how many of it need not wait any longer."""
        try:
            self._store.expose(batch)
        except StoreAwayError as error:
            if not self._away:
                log.warning("exposures wait in memory: %s", error)
            self._away = True
            return 0
        except Exception as error:  # noqa: BLE001 - one that no store takes must not keep the others waiting
            return self._apart(batch, error)
        if self._away:
            log.warning("the state answers again; %d exposures waited", len(self._waiting))
        self._away = False
        return len(batch)

    def _apart(self, batch: list[Exposure], error: Exception) -> int:
        """Finds the exposures that the store refuses, by halves; returns how many of the batch need not wait any longer."""
        if len(batch) == 1:
            log.error("an exposure is lost: %s", error)
            self.lost += 1
            return 1
        middle = len(batch) // 2
        done = self._written(batch[:middle])
        return done + self._written(batch[middle:]) if done == middle else done
