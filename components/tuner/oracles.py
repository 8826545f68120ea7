"""keras-tuner's oracles, kept from training a setting twice and from ending before a small space is used up."""

from __future__ import annotations

import math
import random
from typing import Any

import keras_tuner
import numpy as np
from threadpoolctl import threadpool_limits

from components.tuner.config import TuneConfig
from components.tuner.search_space import search_space
from components.tuner.space import Space, Values

RUNNING, IDLE, STOPPED = "RUNNING", "IDLE", "STOPPED"

HYPERBAND_EPOCHS = 20
"""Largest number of epochs per Hyperband trial if the document gives none."""

SMALL = 32
"""Hyperband tries a space of up to this many settings as a whole, whatever its schedule."""

_LARGEST_SEED = 2**31


class Unrepeated(keras_tuner.Oracle):
    """Part of every oracle: knows which settings are the same, and finds the ones that were not tried.

    keras-tuner gives up on a space after 20 random settings in a row that it knows, and the Bayesian oracle proposes
    known ones without end.
    """

    space: Space
    trials: dict[str, Any]

    @property
    def used_up(self) -> bool:
        """Whether every distinct setting has been proposed."""
        size = self.space.size
        return size is not None and len(self._distinct()) >= size

    def _distinct(self) -> set[str]:
        proposed = (trial.hyperparameters.values for trial in self.trials.values())
        return {self._key(values) for values in proposed}

    def _key(self, values: Values) -> str:
        plain = {name: value for name, value in values.items() if "/" not in name}
        return str(super()._compute_values_hash(self.space.distinct(plain)))

    def _compute_values_hash(self, values: Values) -> str:
        return self._key(values)

    def _random_values(self) -> Values | None:
        """Returns random values that were not tried, None if there are none left."""
        if self.used_up:
            return None
        values: Values | None = super()._random_values()
        if values is not None:
            return values
        self._seed_state += 1
        left = self._untried()
        return self._chance().choice(left) if left else None

    def _untried(self) -> list[Values]:
        return self.space.untried(self._duplicate, self._chance())

    def _chance(self) -> random.Random:
        return random.Random(f"{self.seed} {len(self.trials)}")

    def reload(self) -> None:
        """Reads an earlier search; its trials come in the order in which they were proposed, not in that of the folder."""
        super().reload()
        self.trials = dict(sorted(self.trials.items(), key=lambda item: int(item[0])))

    def order_retries(self) -> None:
        """Has the trials that are to run again do so in the order in which they were proposed."""
        self._retry_queue.sort(key=int, reverse=True)  # keras-tuner takes them from the end

    def reopen(self, trial_id: str) -> None:
        """Has a trial that has ended run again, before any new one."""
        trial = self.trials[trial_id]
        trial.metrics, trial.score = type(trial.metrics)(), None
        self.end_order.remove(trial_id)
        self._retry_queue.append(trial_id)


class RandomOracle(Unrepeated, keras_tuner.oracles.RandomSearchOracle):
    """Random settings."""


class BayesianOracle(Unrepeated, keras_tuner.oracles.BayesianOptimizationOracle):
    """Settings by a Gaussian process: of a space that can be listed the most promising one that was not tried.

    keras-tuner looks for the optimum between the settings as well, and comes back to known ones without end.
    """

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Returns the next setting; what it is depends on the trials so far, not on when the search was resumed."""
        if self.used_up:
            return {"status": STOPPED}
        with threadpool_limits(
            1, user_api="blas"
        ):  # of so small matrices, threads take a multiple of the work itself
            return self._next(trial_id)

    def _next(self, trial_id: str) -> dict[str, Any]:
        self._random_state = np.random.RandomState(self.seed + len(self.trials))
        completed = sum(trial.status == "COMPLETED" for trial in self.trials.values())
        if self.space.is_listed and completed >= max(3 * len(self.hyperparameters.space), 3):
            scored = [np.nan_to_num(values, posinf=0, neginf=0) for values in self._vectorize_trials()]
            self.gpr.fit(*scored)
            return {"status": RUNNING, "values": self._most_promising(self._untried())}
        proposed: dict[str, Any] = super().populate_space(trial_id)
        if proposed["status"] != RUNNING or not self._duplicate(proposed["values"]):
            return proposed
        left = self._untried()
        return {"status": RUNNING, "values": self._most_promising(left)} if left else {"status": STOPPED}

    def _vectorize_trials(self) -> Any:
        """Returns settings and scores; a pending trial's score is what those that ended let expect.

        keras-tuner asks the process as it was fitted for the proposal before, which a resumed search has not.
        """
        if self.ongoing_trials:
            every, self.trials = self.trials, {n: t for n, t in self.trials.items() if t.status != RUNNING}
            try:
                self.gpr.fit(
                    *(np.nan_to_num(values, posinf=0, neginf=0) for values in super()._vectorize_trials())
                )
            finally:
                self.trials = every
        return super()._vectorize_trials()

    def _most_promising(self, left: list[Values]) -> Values:
        """Returns the settings with the best bound of confidence, as keras-tuner has it."""
        searched = self._nonfixed_space()
        vectors = np.array([[hp.value_to_prob(values[hp.name]) for hp in searched] for values in left])
        mean, deviation = self.gpr.predict(vectors, return_std=True)
        return left[int(np.argmin(mean - self.beta * deviation))]

    def _vector_to_values(self, vector: Any) -> Values:
        values: Values = super()._vector_to_values(vector)
        for hp in self._nonfixed_space():  # at the end of a logarithmic range keras-tuner goes one too far
            if isinstance(values.get(hp.name), int | float) and hasattr(hp, "max_value"):
                values[hp.name] = min(max(values[hp.name], hp.min_value), hp.max_value)
        return values


class HyperbandOracle(Unrepeated, keras_tuner.oracles.HyperbandOracle):
    """Many settings for few epochs, the best of them for more.

    keras-tuner promotes from full rounds only, so a small space or a failed trial would leave every setting at its
    fewest epochs. Here a third of those that a round has goes on, at least one; which ones is decided when all of the
    round have ended, so trials side by side are those that would run one by one.
    """

    _brackets: list[dict[str, Any]]

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Returns the next setting of the present bracket, or the first of the next one."""
        while True:
            bracket = self._brackets[-1]
            response = self._first_round(bracket, trial_id) or self._later_round(bracket, trial_id)
            if response:
                return response
            if self.used_up or (self._current_bracket == 0 and not self._repeats):
                return {"status": STOPPED}
            self._increment_bracket_num()
            self._brackets = []
            self._start_new_bracket()

    @property
    def _repeats(self) -> bool:
        """Whether the schedule starts over: until the written trials are reached, or a small space is used up."""
        size = self.space.size
        return self.max_trials is not None or (size is not None and size <= SMALL)

    def _first_round(self, bracket: dict[str, Any], trial_id: str) -> dict[str, Any] | None:
        number, rounds = bracket["bracket_num"], bracket["rounds"]
        if any(rounds[1:]) or len(rounds[0]) >= self._get_size(number, 0):
            return None
        values = self._random_values()
        if values is None:
            return None
        rounds[0].append({"past_id": None, "id": trial_id})
        return self._running(values, number, 0)

    def _later_round(self, bracket: dict[str, Any], trial_id: str) -> dict[str, Any] | None:
        rounds = bracket["rounds"]
        for number in range(1, len(rounds)):
            before, chosen = rounds[number - 1], {entry["past_id"] for entry in rounds[number]}
            if any(self.trials[entry["id"]].status == RUNNING for entry in before):
                return {"status": IDLE}
            ended = [self.trials[entry["id"]] for entry in before if entry["id"] not in chosen]
            ended = [trial for trial in ended if trial.status == "COMPLETED"]
            if ended and len(chosen) < math.ceil(len(before) / self.factor):
                sign = -1 if self.objective.direction == "max" else 1
                best = min(ended, key=lambda trial: sign * trial.score)
                rounds[number].append({"past_id": best.trial_id, "id": trial_id})
                again = {**best.hyperparameters.values, "tuner/trial_id": best.trial_id}
                return self._running(again, bracket["bracket_num"], number)
        return None

    def _running(self, values: Values, bracket: int, number: int) -> dict[str, Any]:
        place = {
            "tuner/epochs": self._get_epochs(bracket, number),
            "tuner/initial_epoch": self._get_epochs(bracket, number - 1) if number else 0,
            "tuner/bracket": bracket,
            "tuner/round": number,
        }
        return {"status": RUNNING, "values": {**values, **place}}


def make_oracle(tune: TuneConfig, space: Space) -> Unrepeated:
    """Returns the oracle that proposes trials.

    Args:
        tune: The ``tune`` slice.
        space: The space to search.
    """
    common = {
        "objective": keras_tuner.Objective(tune.objective, tune.goal),
        # keras-tuner takes 0 for no seed, and NumPy none below it.
        "seed": tune.seed % _LARGEST_SEED or _LARGEST_SEED,
        "hyperparameters": search_space(space.search),
        "max_consecutive_failed_trials": 1_000_000,
    }
    oracle: Unrepeated
    if tune.algorithm == "random":
        oracle = RandomOracle(**common)
    elif tune.algorithm == "bayesian":
        oracle = BayesianOracle(**common)
    else:
        oracle = HyperbandOracle(max_epochs=tune.epochs or HYPERBAND_EPOCHS, **common)
    oracle.max_trials, oracle.space = tune.trials, space
    return oracle
