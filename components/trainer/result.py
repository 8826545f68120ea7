"""``history.json``: the history of a training, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from components.trainer.fitting.schedule import Schedule
from foundation.result import Part, Result


@dataclass(frozen=True)
class ReferencesResult(Part):
    """The simple models fitted beside the trained one, which Evaluator measures on the same rows."""

    constant: tuple[float, ...] = ()
    """What the constant baseline answers: the train split's probability, probability of each class, or mean."""
    rows: int = 0
    """Train rows that the linear baseline was fitted on; fewer than the split has if it is large."""
    columns: int = 0
    """Columns of the linear baseline."""
    strength: float | None = None
    """How freely its weights may grow (C, or one over alpha); chosen on validation with few rows for each column."""
    converged: bool | None = None
    """Whether its solver reached its tolerance."""
    not_finite: tuple[str, ...] = ()
    """Inputs with NaN or infinity, which count as the mean there."""
    problem: str = ""
    """Why there is no linear baseline; empty if there is one."""
    seconds: float = 0.0
    """Wall time of fitting."""


@dataclass(frozen=True)
class TrainingHistory(Result):
    """The history of a training."""

    FILE: ClassVar[str] = "history.json"

    epochs: tuple[dict[str, int | float], ...]
    """Number, seconds and metrics of each epoch; ``val_`` marks the validation split."""
    schedule: Schedule = field(default_factory=lambda: Schedule(0, 0))
    """Planned epochs and steps."""
    best_epoch: int | None = None
    """The epoch whose weights were kept; null without early stopping."""
    stopped_early: bool = False
    """Whether early stopping ended the training."""
    still_improving: bool = False
    """Whether the validation loss was still falling when the planned steps were over."""
    seconds: float = 0.0
    """Wall time of fitting."""
    rows: dict[str, int] = field(default_factory=dict)
    """Split → rows."""
    rows_without_label: dict[str, int] = field(default_factory=dict)
    """Split → rows skipped because they have no label."""
    parts: dict[str, float] = field(default_factory=dict)
    """Part of the run → seconds."""
    way: Literal["", "compiled", "fit"] = ""
    """How the epochs ran: as one compiled loop, or by Keras's ``fit``; empty in results of earlier versions."""
    warm_start: str = ""
    """Whether training started from the last blessed model's weights."""
    reason: Annotated[str | None, Field(exclude_if=lambda reason: reason is None)] = None
    """How many of those weights were used, or why none were; missing without a blessed model."""
    model: dict[str, Any] = field(default_factory=dict)
    """The document's ``model``, with what was chosen."""
    train: dict[str, Any] = field(default_factory=dict)
    """The document's ``train``, with what was chosen."""
    chosen: dict[str, Any] = field(default_factory=dict)
    """Key of ``model`` or ``train`` that the document leaves open → the value chosen by the number of rows."""
    references: Annotated[
        ReferencesResult | None, Field(exclude_if=lambda references: references is None)
    ] = None
    """The simple models to compare with; missing in runs from before there were any."""

    @property
    def about_references(self) -> tuple[str, ...]:
        """What a person has to know to read a comparison with the simple models; empty for older runs."""
        found = self.references
        if found is None:
            return ()
        if found.problem:
            return (f"no linear baseline could be fitted ({found.problem})",)
        said, all_rows = [], self.rows.get("train", found.rows)
        if found.rows < all_rows:
            said.append(
                f"the linear baseline was fitted on a sample of {found.rows:,} of {all_rows:,} train rows"
            )
        if found.converged is False:
            said.append("its solver ended before it converged, so a linear model may reach a little more")
        if found.not_finite:
            said.append(f"it takes NaN and infinity as the mean, in {', '.join(found.not_finite)}")
        if self.train.get("class_weights"):
            said.append("train.class_weights weigh the model alone, not the baselines")
        return tuple(said)

    @property
    def counted(self) -> Mapping[str, int]:
        """Number of completed steps."""
        return {"steps": self.schedule.done(len(self.epochs))}

    @property
    def sentence(self) -> str:
        """How the training ended, and what was chosen for it."""
        return f"{self._ending}{self._choice}"

    @property
    def _ending(self) -> str:
        """Returns how many of the planned steps were made, and why no more, or whether more would help."""
        total, done = self.schedule.total, self.schedule.done(len(self.epochs))
        kept = (
            f"; the weights of step {self.schedule.done(self.best_epoch):,} are kept"
            if self.best_epoch
            else ""
        )
        if self.stopped_early:
            patience = (self.train.get("early_stopping") or {}).get("patience")
            waited = f" for {patience}" if patience else ""
            return f"ended early at {done:,} of {total:,} steps: val_loss had not improved{waited}{kept}"
        if self.still_improving:
            return f"{done:,} steps: val_loss was still improving at the last step; more steps may help"
        return f"{done:,} steps{kept}"

    @property
    def _choice(self) -> str:
        """Returns the values that were chosen, in words."""
        told = {name.partition(".")[2]: value for name, value in self.chosen.items()}
        told.pop("steps_per_epoch", None)
        if "early_stopping" in told:
            told["patience"] = (told.pop("early_stopping") or {}).get("patience")
        if not told:
            return ""
        rows = f" for {self.rows['train']:,} rows" if "train" in self.rows else ""
        values = ", ".join(f"{name} {_shown(value)}" for name, value in told.items())
        return f". Chosen{rows}: {values}"


def _shown(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
