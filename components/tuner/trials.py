"""A search whose trials outlive the process: our own loop in place of keras-tuner's."""

from __future__ import annotations

import contextlib
import itertools
import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import keras_tuner

from components.tuner.config import TuneConfig
from components.tuner.oracles import HYPERBAND_EPOCHS, IDLE, RUNNING, STOPPED, Unrepeated
from components.tuner.result import Ending, Limits, Outcome, Trial, Trials
from components.tuner.space import hyperband_trials
from components.tuner.workers.jobs import Fitted, Fitter, Job
from foundation import progress
from foundation.errors import DataError, MetadataError, StorageError, UserCodeError

log = logging.getLogger(__name__)

Rehearse = Callable[[Mapping[str, Any]], None]
"""Builds a model with hyperparameters and trains it for one step."""

REHEARSALS = 8
"""With how many other settings a fault of the user's code is looked for before it counts as one of all settings."""

_NO_FAULT_OF_VALUES = (StorageError, MetadataError)


class TrialSearch(keras_tuner.Tuner):
    """Search that has trials fitted, records each as it ends, and stops when time is up.

    Trials are proposed as far ahead as some may be pending. The Bayesian oracle is told of them in the order in which it proposed
    them, whichever ends first, so that what it proposes does not depend on time; the others do not use results before all that
    they need are there.

    Every trial trains from new weights, even in Hyperband's later rounds. A failed trial is kept with its reason and
    the search continues; it fails at once if the user's code fails whatever the hyperparameters are, and in the end if
    no trial has a result.

    Args:
        oracle: Proposes the next trial.
        fitter: Fits the trials.
        rehearse: Builds and trains for one step.
        folder: Folder of this search; existing trials are resumed.
        tune: The ``tune`` slice.
        most: Trials that may be pending at once.
    """

    clock = staticmethod(time.monotonic)

    def __init__(
        self,
        oracle: Unrepeated,
        fitter: Fitter,
        rehearse: Rehearse,
        folder: Path,
        tune: TuneConfig,
        most: int = 1,
    ) -> None:
        self._fitter, self._rehearse, self._most = fitter, rehearse, most
        self._in_order = tune.algorithm == "bayesian"
        self._pending: dict[str, Any] = {}
        self._fitted: dict[str, Fitted] = {}
        self._limits = Limits(tune.trials, tune.minutes)
        self._schedule = (
            hyperband_trials(tune.epochs or HYPERBAND_EPOCHS) if tune.algorithm == "hyperband" else None
        )
        self._begin = self.clock()
        self._ended: Ending = ""
        self._outcomes: dict[str, Outcome] = {}
        super().__init__(
            oracle=oracle, directory=str(folder.parent), project_name=folder.name, overwrite=False
        )
        earlier = Trials.find(self.project_dir)
        self._outcomes = {t.trial: t.outcome for t in earlier.trials} if earlier else {}

    def search(self, **kwargs: Any) -> None:
        """Runs trials until there are enough, nothing is left to try, or time is up.

        Raises:
            DataError: No trial ended with a result.
            UserCodeError: The user's code fails in every trial, or with any hyperparameters.
        """
        self._begin = self.clock()
        self.oracle.verbose = 0
        for trial_id, outcome in self._outcomes.items():
            if outcome.ended_by_time and trial_id in self.oracle.end_order:
                self.oracle.reopen(trial_id)
        self.oracle.order_retries()
        with contextlib.closing(self._fitter):
            while self._pending or not self._ended:
                if not self._propose():
                    self._finish(**kwargs)
        self.oracle.max_trials = len(self.oracle.trials)  # Hyperband has none, but TFX's executor reads it
        self._write_summary()
        log.log(
            logging.WARNING if self._ended == "minutes" else logging.INFO, "tuning: %s", self.summary.sentence
        )
        if self._best() is None:
            raise self._without_result()

    def _propose(self) -> bool:
        """Has one more trial fitted and returns True; or returns False, as no more may be pending or the search ends."""
        if self._ended or len(self._pending) >= self._most:
            return False
        if self._over() and not self._enough():
            self._ended = "minutes"
            return False
        trial = self.oracle.create_trial(self._free_place())
        if trial.status == STOPPED:
            self._ended = self._why_stopped()
        if trial.status == IDLE and not self._pending:
            raise RuntimeError("the oracle waits for a trial that nobody fits")
        if trial.status in (STOPPED, IDLE):
            return False
        self._pending[trial.trial_id] = trial
        values = dict(trial.hyperparameters.values)
        known = self._known(values)
        if known:
            self._fitted[trial.trial_id] = Fitted(trial.trial_id, replace(known, seconds=0.0))
        else:
            self._fitter.give(Job(trial.trial_id, values, values.get("tuner/epochs"), self._left))
        return True

    def _free_place(self) -> str:
        """Returns a name under which the oracle holds no pending trial."""
        places = (f"{self.tuner_id}.{number}" if number else self.tuner_id for number in itertools.count())
        return next(place for place in places if place not in self.oracle.ongoing_trials)

    def _finish(self, **kwargs: Any) -> None:
        """Waits for a pending trial and records it, if there is one."""
        if not self._pending:
            return
        first = next(iter(self._pending))
        while first not in self._fitted and (self._in_order or not self._fitted):
            done = self._fitter.take()
            self._fitted[done.trial] = done
        trial = self._pending[first if first in self._fitted else next(iter(self._fitted))]
        self._try_run_and_update_trial(trial, **kwargs)
        del self._pending[trial.trial_id]
        self.on_trial_end(trial)

    def _left(self) -> float | None:
        minutes = self._limits.minutes
        return None if minutes is None else minutes * 60 - (self.clock() - self._begin)

    def _over(self) -> bool:
        left = self._left()
        return left is not None and left < 0

    def _enough(self) -> bool:
        """Whether nothing would be left to do with more time."""
        enough = self._limits.trials is not None and len(self.oracle.trials) >= self._limits.trials
        return not self.oracle._retry_queue and (enough or (self._schedule is None and self.oracle.used_up))

    def _why_stopped(self) -> Ending:
        if self.oracle.used_up:
            return "space"
        limit = self._limits.trials
        return "trials" if limit is not None and len(self.oracle.trials) >= limit else "schedule"

    def run_trial(self, trial: Any, **kwargs: Any) -> dict[str, float]:
        """Takes what became of a trial that was fitted and returns its metrics.

        Raises:
            keras_tuner.errors.FailedTrialError: Training failed.
            StorageError: A file cannot be written.
            UserCodeError: The user's code fails whatever the hyperparameters are.
        """
        done = self._fitted.pop(trial.trial_id)
        before = self._outcomes.get(trial.trial_id, Outcome())
        outcome, error = done.outcome, done.error
        if error is not None:
            if isinstance(error, _NO_FAULT_OF_VALUES) or self._is_general(error, trial):
                raise keras_tuner.errors.FatalError(str(error)) from error
            outcome = replace(outcome, error=str(error), own_code=isinstance(error, UserCodeError))
        if outcome.ended_by_time and before.metrics and before.epochs > outcome.epochs:
            outcome = before  # time ran out again, and sooner
        self._outcomes[trial.trial_id] = outcome
        if outcome.error:
            raise keras_tuner.errors.FailedTrialError(outcome.error)
        return outcome.metrics

    def _try_run_and_update_trial(self, trial: Any, *args: Any, **kwargs: Any) -> None:
        try:
            super()._try_run_and_update_trial(trial, *args, **kwargs)
        except keras_tuner.errors.FatalError as error:
            raise (error.__cause__ or error) from error.__cause__

    def _known(self, values: Mapping[str, Any]) -> Outcome | None:
        """Returns the outcome of the setting's earlier round if early stopping ended it: more epochs change nothing."""
        earlier = self._outcomes.get(str(values.get("tuner/trial_id")))
        return earlier if earlier and earlier.stopped_early else None

    def _is_general(self, error: Exception, trial: Any) -> bool:
        """Returns whether the user's code fails in the same way with other hyperparameters, which are tried briefly."""
        if not isinstance(error, UserCodeError):
            return False
        if any(outcome.metrics for outcome in self._outcomes.values()):
            return False
        same = self.oracle._key(dict(trial.hyperparameters.values))
        others = [dict(one.hyperparameters.values) for one in self._pending.values()]
        others += self.oracle._untried()
        others = [one for one in others if self.oracle._key(one) != same]
        for other in self.oracle._chance().sample(others, min(REHEARSALS, len(others))):
            try:
                self._rehearse(other)
            except UserCodeError as again:
                if _what(again) != _what(error):
                    return False
            except Exception:  # noqa: BLE001 - other values fail in another way
                return False
            else:
                return False
        return True

    def on_trial_end(self, trial: Any) -> None:
        """Keeps the trial on disk before the next one begins."""
        super().on_trial_end(trial)
        self._write_summary()
        self._report()

    def _report(self) -> None:
        """Tells how many trials have ended, of how many, and the best result so far."""
        best = self._best()
        most = {} if self._limits.trials is None else {"trials": self._limits.trials}
        score = {} if best is None else {"best": best.score}
        progress.report(trial=len(self.oracle.end_order), **most, **score)

    def load_model(self, trial: Any) -> None:
        """Refuses: trials keep no models, and the Trainer trains the best hyperparameters from scratch.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError("trials keep no models; train the best hyperparameters from scratch")

    def _without_result(self) -> DataError | UserCodeError:
        summary = self.summary
        what = f"tuning: {len(summary.trials)} trials"
        expected, seen = "at least one that ends with a result", summary.reasons() or "no trial started"
        if any(trial.own_code for trial in summary.failed):
            remedy = "fix the code, or narrow tune.search to values that it takes"
            return UserCodeError(what, expected=expected, seen=seen, remedy=remedy)
        remedy = "see what failed, and narrow tune.search"
        if any("a loss that is a number" in trial.error for trial in summary.failed):
            remedy = "narrow tune.search (a lower learning_rate)"
        return DataError(what, expected=expected, seen=seen, remedy=remedy)

    def _best(self) -> Any:
        """Returns the best trial with a result; keras-tuner would return failed ones if there is none."""
        best = self.oracle.get_best_trials(1)
        return best[0] if best and best[0].status == "COMPLETED" else None

    @property
    def summary(self) -> Trials:
        """The search and its trials so far."""
        best = self._best()
        objective = self.oracle.objective
        trials = sorted(self.oracle.trials.items(), key=lambda item: int(item[0]))
        return Trials(
            objective.name,
            objective.direction,
            best.trial_id if best else None,
            tuple(self._trial(trial_id, trial) for trial_id, trial in trials if trial.status != RUNNING),
            limits=self._limits,
            planned=self._planned(),
            settings=self.oracle.space.size,
            ended=self._ended,
            search=self.project_name,
        )

    def _trial(self, trial_id: str, trial: Any) -> Trial:
        outcome = self._outcomes.get(trial_id, Outcome())
        score = trial.score if trial.score is not None and math.isfinite(trial.score) else None
        return Trial(
            **asdict(outcome),
            trial=trial_id,
            status=trial.status,
            score=score,
            hyperparameters=trial.hyperparameters.values,
        )

    def _planned(self) -> int | None:
        """Returns how many trials there are if time does not run out: for hyperband its schedule, if none is given."""
        limit, size = self._limits.trials, self.oracle.space.size
        if self._schedule is not None:
            return limit or self._schedule
        known = [number for number in (limit, size) if number is not None]
        return min(known) if known else None

    def _write_summary(self) -> None:
        self.summary.write(self.project_dir)


def _what(error: UserCodeError) -> tuple[str, str, str]:
    """Returns what tells faults apart: where, what was expected, and the kind of what was seen."""
    return error.subject, error.expected, error.seen.partition(":")[0]
