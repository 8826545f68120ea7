"""A search whose trials outlive the process: our own loop in place of keras-tuner's."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras_tuner

from components.tuner.config import TuneConfig, direction_of
from components.tuner.result import Outcome, Trial, Trials
from foundation.errors import DataError

log = logging.getLogger(__name__)

Train = Callable[[Mapping[str, Any], int | None], dict[str, float]]
"""Trains with hyperparameters, for a given number of epochs if any, and returns the best epoch's metrics."""


class TrialSearch(keras_tuner.Tuner):
    """Search that runs trials one after another, records each as it ends, and stops when time is up.

    Every trial trains from new weights, even in Hyperband's later rounds. A failed trial is kept with its reason and
    the search continues; the search fails only if every trial does.

    Args:
        oracle: Proposes the next trial.
        train: Trains one trial.
        folder: Folder of this search; existing trials are resumed.
        minutes: No new trial starts after this many minutes of this run; None sets no limit.
    """

    def __init__(self, oracle: keras_tuner.Oracle, train: Train, folder: Path, minutes: float | None) -> None:
        self._train, self._minutes = train, minutes
        self._begin = time.monotonic()
        self._outcomes: dict[str, Outcome] = {}
        super().__init__(
            oracle=oracle, directory=str(folder.parent), project_name=folder.name, overwrite=False
        )
        self._read_summary()

    def search(self, **kwargs: Any) -> None:
        """Runs trials until there are enough or time is up.

        Raises:
            DataError: No trial ended with a result.
        """
        self._begin = time.monotonic()
        self.oracle.verbose = 0
        super().search(**kwargs)
        self.oracle.max_trials = len(self.oracle.trials)  # Hyperband has none, but TFX's executor reads it
        self._write_summary()
        if self._best() is None:
            reasons = sorted({outcome.error for outcome in self._outcomes.values() if outcome.error})
            raise DataError(
                f"tuning: {len(self.oracle.trials)} trials",
                expected="at least one that ends with a result",
                seen="; ".join(reasons[:3]) or "no trial started",
                remedy="narrow tune.search (a lower learning_rate), or raise tune.minutes",
            )

    def pre_create_trial(self) -> None:
        """Stops new trials once the minutes are over."""
        over = self._minutes is not None and time.monotonic() - self._begin > self._minutes * 60
        if over:
            log.warning("tuning: %g minutes are over after %d trials", self._minutes, len(self.oracle.trials))
            self.oracle.max_trials = len(self.oracle.trials)

    def run_trial(self, trial: Any, **kwargs: Any) -> dict[str, float]:
        """Trains one trial and returns its metrics.

        Raises:
            keras_tuner.errors.FailedTrialError: Training failed.
        """
        begin = time.perf_counter()
        values = dict(trial.hyperparameters.values)
        try:
            metrics = self._train(values, values.get("tuner/epochs"))
        except Exception as error:
            self._outcomes[trial.trial_id] = Outcome(time.perf_counter() - begin, error=str(error))
            raise keras_tuner.errors.FailedTrialError(str(error)) from error
        self._outcomes[trial.trial_id] = Outcome(time.perf_counter() - begin, metrics)
        return metrics

    def on_trial_end(self, trial: Any) -> None:
        """Keeps the trial on disk before the next one begins."""
        super().on_trial_end(trial)
        self._write_summary()

    def load_model(self, trial: Any) -> None:
        """Refuses: trials keep no models, and the Trainer trains the best hyperparameters from scratch.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError("trials keep no models; train the best hyperparameters from scratch")

    def _best(self) -> Any:
        """Returns the best trial with a result; keras-tuner would return failed ones if there is none."""
        best = self.oracle.get_best_trials(1)
        return best[0] if best and best[0].status == "COMPLETED" else None

    def _read_summary(self) -> None:
        earlier = Trials.find(self.project_dir)
        self._outcomes = {t.trial: t.outcome for t in earlier.trials} if earlier else {}

    def _write_summary(self) -> None:
        trials = tuple(
            Trial(
                **vars(self._outcomes.get(trial_id, Outcome())),
                trial=trial_id,
                status=trial.status,
                score=trial.score if trial.score is not None and math.isfinite(trial.score) else None,
                hyperparameters=trial.hyperparameters.values,
            )
            for trial_id, trial in sorted(self.oracle.trials.items())
        )
        best = self._best()
        objective = self.oracle.objective
        chosen = best.trial_id if best else None
        Trials(objective.name, objective.direction, chosen, trials).write(self.project_dir)


def make_oracle(tune: TuneConfig, space: keras_tuner.HyperParameters) -> keras_tuner.Oracle:
    """Returns the oracle that proposes trials.

    Args:
        tune: The ``tune`` slice.
        space: The space to search.
    """
    common = {
        "objective": keras_tuner.Objective(tune.objective, direction_of(tune.objective)),
        "seed": tune.seed,
        "hyperparameters": space,
        "max_consecutive_failed_trials": 1_000_000,
    }
    if tune.algorithm == "random":
        return keras_tuner.oracles.RandomSearchOracle(max_trials=tune.trials, **common)
    if tune.algorithm == "bayesian":
        return keras_tuner.oracles.BayesianOptimizationOracle(max_trials=tune.trials, **common)
    return keras_tuner.oracles.HyperbandOracle(max_epochs=tune.epochs or HYPERBAND_EPOCHS, **common)


HYPERBAND_EPOCHS = 20
"""Largest number of epochs per Hyperband trial if the document gives none."""
