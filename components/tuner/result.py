"""``trials.json``, a search with all its trials, and ``tuner_results.json``, TFX's ranking of those with a result."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from pydantic import Field

from foundation.result import Part, Result


@dataclass(frozen=True)
class Outcome(Part):
    """The outcome of a trial."""

    seconds: Annotated[float | None, Field(exclude_if=lambda seconds: seconds is None)] = None
    """Wall time; missing until the trial has ended."""
    metrics: Annotated[dict[str, float], Field(exclude_if=lambda metrics: not metrics)] = field(
        default_factory=dict
    )
    """Metrics of its best epoch; missing if it failed."""
    error: Annotated[str, Field(exclude_if=lambda error: not error)] = ""
    """Why it failed; missing if it did not."""


@dataclass(frozen=True)
class Trial(Outcome):
    """One trial of a search."""

    trial: str = ""
    """Its id."""
    status: str = ""
    """Its status in keras-tuner."""
    score: float | None = None
    """Value of the objective; null if there is none."""
    hyperparameters: dict[str, Any] = field(default_factory=dict)
    """What was tried."""

    @property
    def outcome(self) -> Outcome:
        """Its outcome."""
        return Outcome(self.seconds, self.metrics, self.error)


@dataclass(frozen=True)
class Trials(Result):
    """A hyperparameter search and all its trials."""

    FILE: ClassVar[str] = "trials.json"
    REMEDY: ClassVar[str] = "remove the folder; the search starts over"

    objective: str
    """The metric."""
    direction: str
    """min or max."""
    best: str | None = None
    """Id of the best trial; null while none has a result."""
    trials: tuple[Trial, ...] = ()
    """All trials."""


@dataclass(frozen=True)
class RankedTrial(Part):
    """A trial with a result."""

    trial: str
    """Its id."""
    score: float
    """The objective."""
    hyperparameters: dict[str, Any]
    """What was tried."""


@dataclass(frozen=True)
class TunerResults(Result):
    """TFX's own ranking of the trials with a result, best first; only read here."""

    FILE: ClassVar[str] = "tuner_results.json"

    trials: tuple[RankedTrial, ...]
    """The trials."""

    @classmethod
    def upgrade(cls, content: Any, version: int) -> Any:
        """Returns TFX's list of flat rows as ranked trials; keras-tuner's own ``tuner/…`` keys are left out."""
        return {
            "trials": [
                {
                    "trial": str(row["trial_id"]),
                    "score": row["score"],
                    "hyperparameters": {
                        k: v for k, v in row.items() if k not in ("trial_id", "score") and "/" not in k
                    },
                }
                for row in content
            ]
        }
