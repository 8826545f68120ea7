"""``predictions.json``: the result of predicting for an export; it is beside the predictions, too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import not_
from typing import Annotated, ClassVar

from pydantic import Field

from foundation.outside import Left
from foundation.result import Part, Result


@dataclass(frozen=True)
class ModelUsed(Part):
    """The model that predicted."""

    path: str
    """Folder of its artifact."""
    version: int | None = None
    """Version under which it was pushed; null if it was not."""
    served: int | None = None
    """The version that was served by then, which may be another one after a rollback; null if none was."""
    run: str = ""
    """Run that blessed it; empty if it was blessed before runs were noted."""
    this_run: bool = True
    """Whether it is the model of the run that predicted, and not one that was blessed earlier."""


@dataclass(frozen=True)
class Predictions(Result):
    """What was predicted for which documents, by which model, and where the predictions are."""

    FILE: ClassVar[str] = "predictions.json"

    predicted: bool
    """Whether there was a blessed model."""
    rows: int = 0
    """Number of documents predicted."""
    destination: str = ""
    """File of the predictions; empty if nothing was predicted."""
    why: Annotated[tuple[str, ...], Field(exclude_if=not_)] = ()
    """Why nothing was predicted; missing if it was."""
    run: str = ""
    """Run that predicted."""
    model: ModelUsed | None = None
    """The model that predicted; null if none did."""
    classes: Annotated[tuple[str, ...], Field(exclude_if=not_)] = ()
    """Class of each number of ``probabilities``; missing if the model has no classes."""
    outputs: tuple[str, ...] = ()
    """What the model gives for each document, beside ``_id``."""
    export: str = ""
    """``infer.mongo_export``."""
    span: int | None = None
    """Span of the export; null where the pattern has none."""
    quarantined: int = 0
    """Documents that could not be read, and so were not predicted."""
    without_id: int = 0
    """Documents predicted without an ``_id``: their predictions cannot be led back to them."""
    repeated_ids: int = 0
    """Rows whose ``_id`` another row has, too."""
    id_types: dict[str, int] = field(default_factory=dict)
    """BSON type → documents whose ``_id`` is of that type; ``missing`` where there is none."""
    ids: str = ""
    """What ``_id`` holds: a BSON type, ``extended json`` or ``hash``."""
    out_of_order: bool = False
    """Whether the rows are not in the order of the documents, as those of folded change events."""
    left: tuple[Left, ...] = ()
    """Every file published outside the root; a run looks at them before the predictions count as made."""

    @property
    def withheld(self) -> str:
        """Whether nothing was predicted."""
        return "" if self.predicted else "nothing predicted"

    @property
    def counted(self) -> Mapping[str, int]:
        """The documents that were predicted."""
        return {"documents": self.rows} if self.predicted else {}
