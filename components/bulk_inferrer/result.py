"""``predictions.json``: the result of predicting for an export."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from foundation.outside import Left
from foundation.result import Result


@dataclass(frozen=True)
class Predictions(Result):
    """How many documents were predicted, and where the predictions are."""

    FILE: ClassVar[str] = "predictions.json"

    predicted: bool
    """Whether there was a blessed model."""
    rows: int = 0
    """Number of documents predicted."""
    destination: str = ""
    """File of the predictions; empty if nothing was predicted."""
    left: tuple[Left, ...] = ()
    """Every file published outside the root; a run looks at them before the predictions count as made."""
