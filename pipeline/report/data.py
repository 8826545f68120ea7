"""The data of a report, as plain frozen records; ``collect`` fills them, ``write`` renders them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from components.bulk_inferrer.result import Predictions
from components.evaluation_gate.result import Gate, Metric, Verdict
from components.infra_validator.result import InfraValidation
from components.mongo_example_gen.result import Ingestion
from components.tuner.result import Trials
from components.validation_gate.result import Validation

NodeState = Literal["run", "cached", "failed", "skipped"]


@dataclass(frozen=True)
class NodeView:
    """How one node of the pipeline went.

    Attributes:
        id: Node id, such as ``Trainer``.
        state: How it ended.
        seconds: Wall time; None if it did not run.
        inputs: Ids of the nodes that it depends on.
        note: What went wrong, or why it ran; may be empty.
        withheld: What it did not do although it ended well, such as ``nothing pushed``; may be empty.
    """

    id: str
    state: NodeState
    seconds: float | None = None
    inputs: tuple[str, ...] = ()
    note: str = ""
    withheld: str = ""


@dataclass(frozen=True)
class Bar:
    """One bar of a histogram.

    Attributes:
        label: What it counts.
        count: How many there are.
        values: How many whole numbers it holds; its height is the count of one of them.
    """

    label: str
    count: float
    values: int = 1

    @property
    def height(self) -> float:
        """The count for each value."""
        return self.count / self.values


@dataclass(frozen=True)
class FeatureView:
    """Statistics of one feature in the train split.

    Attributes:
        name: Name of the feature.
        type: Its type as in the document, followed by ``[]`` for an array.
        missing: Share of documents without a value, 0 to 1.
        numbers: Name of a statistic (mean, std, …) → value; empty for text.
        distinct: Number of distinct values of text; None for numbers.
        bars: Histogram of a number, or the most frequent values of text.
        hidden: Whether values are omitted because they may be personal.
    """

    name: str
    type: str
    missing: float
    numbers: Mapping[str, float | str] = field(default_factory=dict)
    distinct: int | None = None
    bars: tuple[Bar, ...] = ()
    hidden: bool = False


@dataclass(frozen=True)
class Curve:
    """One training metric over the epochs: train and, where measured, validation."""

    name: str
    train: tuple[float, ...]
    validation: tuple[float, ...] = ()


@dataclass(frozen=True)
class LineageStep:
    """One step from the export to the pushed model: what it is, its name, and what identifies it."""

    what: str
    name: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReportData:
    """Everything that a report shows.

    Attributes:
        pipeline: Name of the pipeline.
        run_id: Id of the run.
        state: How the run ended.
        started: Start in seconds since the epoch.
        seconds: Wall time of the run.
        nodes: Nodes in topological order.
        error: The error that ended the run; empty if none did.
        span: Span of the export; None if the pattern has none.
        notices: What a person should act on after the documents were read.
        training: How the training ended, and what was chosen for it.
        metrics: The verdict's metrics, in display order.
        about_references: What limits the comparison with the simple models.
        higher_is_better: Metric → whether more is better; None if neither direction is.
        versions: Name of a library → version.
    """

    pipeline: str
    run_id: str
    state: Literal["succeeded", "failed", "interrupted"]
    started: float
    seconds: float
    nodes: tuple[NodeView, ...]
    error: str = ""
    span: int | None = None
    ingestion: Ingestion | None = None
    notices: tuple[str, ...] = ()
    features: tuple[FeatureView, ...] = ()
    validation: Validation | None = None
    curves: tuple[Curve, ...] = ()
    training: str = ""
    tuning: Trials | None = None
    objective: str = ""
    metrics: tuple[Metric, ...] = ()
    verdict: Verdict | None = None
    about_references: tuple[str, ...] = ()
    serving: InfraValidation | None = None
    pushed: str = ""
    predictions: Predictions | None = None
    lineage: tuple[LineageStep, ...] = ()
    higher_is_better: Mapping[str, bool | None] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def gates(self) -> tuple[Gate, ...]:
        """The gates on metrics."""
        return self.verdict.gates if self.verdict else ()
