"""``trials.json``, a search with all its trials, and ``tuner_results.json``, TFX's ranking of those with a result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field

from foundation.result import Part, Result

Ending = Literal["", "trials", "minutes", "space", "schedule"]
"""What ended a search: its number of trials, its minutes, no setting left to try, hyperband's schedule; empty while it
runs, and in older files."""

_ENDINGS = {
    "minutes": "; then time ran out ({minutes:g} minutes)",
    "space": "; there is no other setting to try",
    "schedule": "; that is hyperband's whole schedule",
}


def _false(value: bool) -> bool:
    return not value


Flag = Annotated[bool, Field(exclude_if=_false)]


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
    epochs: Annotated[int, Field(exclude_if=lambda epochs: not epochs)] = 0
    """Number of epochs that it trained, the last one perhaps in part; missing if it failed."""
    stopped_early: Flag = False
    """Whether early stopping ended it before its last epoch; missing if not."""
    ended_by_time: Flag = False
    """Whether the search's minutes ended it; such a trial is repeated when the search goes on. Missing if not."""
    own_code: Flag = False
    """Whether it failed in the user's own code; missing if not."""


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
        return Outcome(**{name: getattr(self, name) for name in Outcome.__dataclass_fields__})

    @property
    def chosen(self) -> dict[str, Any]:
        """What was tried, without keras-tuner's own ``tuner/…`` keys."""
        return {name: value for name, value in self.hyperparameters.items() if "/" not in name}


@dataclass(frozen=True)
class Limits(Part):
    """What ends a search, apart from what it searches; raising a limit continues the search."""

    trials: int | None = None
    """Largest number of trials; null if there is none."""
    minutes: float | None = None
    """Largest number of minutes of one run; null if there is none."""


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
    limits: Annotated[Limits | None, Field(exclude_if=lambda limits: limits is None)] = None
    """The limits of the run that wrote this; missing in older files."""
    planned: int | None = None
    """Number of trials if time does not run out; null if it is not known."""
    settings: int | None = None
    """Number of distinct settings; null if there is no end of them."""
    ended: Ending = ""
    """What ended the search."""
    search: str = ""
    """Name of its folder below the pipeline's ``tuning``."""

    @classmethod
    def find(cls, folder: Path | str) -> Self | None:
        """Reads the file in a folder, or TFX's ranking where an older Penstock left no other; None without either."""
        found = super().find(folder)
        if found is not None:
            return found
        ranking = TunerResults.find(folder)
        return cls._ranked(ranking) if ranking else None

    @classmethod
    def _ranked(cls, ranking: TunerResults) -> Self:
        trials = tuple(
            Trial(trial=one.trial, status="COMPLETED", score=one.score, hyperparameters=one.hyperparameters)
            for one in ranking.trials
        )
        return cls("", "", trials[0].trial if trials else None, trials)

    @property
    def failed(self) -> list[Trial]:
        """The trials without a result."""
        return [trial for trial in self.trials if trial.error]

    @property
    def ranked(self) -> list[Trial]:
        """The trials with a result, best first, then the failed ones."""
        sign = -1 if self.direction == "max" else 1
        scored = [trial for trial in self.trials if trial.score is not None and not trial.error]
        order = sorted(scored, key=lambda trial: sign * (trial.score or 0)) if self.direction else scored
        return [*order, *self.failed]

    @property
    def sentence(self) -> str:
        """How many of how many trials ran, how many failed and why, and what ended the search."""
        if not self.ended:
            return ""
        total = f" of {self.planned}" if self.planned and self.planned > len(self.trials) else ""
        noun = "trial" if len(self.trials) == 1 and not total else "trials"
        parts = [f"{len(self.trials)}{total} {noun} ran", *self._odd_ones()]
        best = next((trial for trial in self.trials if trial.trial == self.best), None)
        if best is not None and best.score is not None:
            parts.append(f"the best is trial {best.trial} with {self.objective} {best.score:.4g}")
        ending = _ENDINGS.get(self.ended, "").format(minutes=(self.limits and self.limits.minutes) or 0)
        return f"{', '.join(parts)}{ending}."

    def _odd_ones(self) -> Iterator[str]:
        cut = sum(trial.ended_by_time for trial in self.trials)
        if cut:
            yield f"{cut} ended by time"
        if self.failed:
            yield f"{len(self.failed)} failed ({self.reasons()})"

    def reasons(self) -> str:
        """Returns why trials failed, the most frequent reasons first."""
        common = Counter(trial.error for trial in self.failed).most_common()
        told = [f"{count} × {error}" if count > 1 else error for error, count in common[:3]]
        more = len(common) - 3
        return "; ".join(told) + (f"; {more} other reasons" if more > 0 else "")

    def unfinished(self, limits: Limits) -> str:
        """Returns how the search goes on under these limits; empty if it does not.

        Only the limit that ended it counts, once it is raised.
        """
        before = self.limits or Limits()
        cut = any(trial.ended_by_time for trial in self.trials)
        room = limits.trials is None or limits.trials > len(self.trials) or cut
        done = "1 trial is kept" if len(self.trials) == 1 else f"{len(self.trials)} trials are kept"
        if self.ended == "minutes" and room and _raised(before.minutes, limits.minutes):
            return f"its search continues: {_limit(limits.minutes)} minutes, not {before.minutes:g}; {done}"
        if self.ended == "trials" and room and _raised(before.trials, limits.trials):
            return f"its search continues: {_limit(limits.trials)} trials, not {before.trials}; {done}"
        return ""


def _raised(before: float | None, now: float | None) -> bool:
    return before is not None and (now is None or now > before)


def _limit(value: float | None) -> str:
    return "any number of" if value is None else f"{value:g}"


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
