"""What a report shows, as plain frozen records; ``collect`` fills them, ``write`` renders them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

NodeState = Literal["run", "cached", "failed", "skipped"]


@dataclass(frozen=True)
class NodeView:
    """One node of the pipeline as it went.

    Attributes:
        id: Node id, such as ``Trainer``.
        state: How it ended.
        seconds: Wall time; None where it did not run.
        inputs: Ids of the nodes that it depends on.
        note: What went wrong, or why it ran; empty where there is nothing to say.
    """

    id: str
    state: NodeState
    seconds: float | None = None
    inputs: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Misfit:
    """Values of one field that did not fit its type: field, what was seen instead, how often."""

    field: str
    seen: str
    count: int


@dataclass(frozen=True)
class SpanView:
    """One span of a window: its number, whether it was read or kept, its accepted documents."""

    span: int
    taken: str
    accepted: int


@dataclass(frozen=True)
class Groups:
    """Rows of a split, groups of equal quasi-identifiers, the smallest of them, share of rows in small groups."""

    split: str
    rows: int
    groups: int
    smallest: int
    share: float


@dataclass(frozen=True)
class Anonymity:
    """How well rows hide among others: quasi-identifiers, the size from which a group hides, counts by split."""

    features: tuple[str, ...]
    k: int
    groups: tuple[Groups, ...]


@dataclass(frozen=True)
class Ingestion:
    """What was read from the export.

    Attributes:
        read: Documents read.
        accepted: Documents that became examples.
        quarantined: Documents that could not be read.
        filtered: Documents left out on purpose, such as those without a label.
        splits: Split → number of examples.
        reasons: Reason → number of documents quarantined or left out for it.
        misfits: Values that did not fit their field's type.
        spans: The spans of a window; empty for a single export.
        notices: What a person should act on.
        rules: Feature → what the privacy policy did with it.
        key: Id of the key that values were hashed with; empty where none were.
        anonymity: Sizes of groups of quasi-identifiers, where some are declared.
    """

    read: int
    accepted: int
    quarantined: int
    filtered: int
    splits: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)
    misfits: tuple[Misfit, ...] = ()
    spans: tuple[SpanView, ...] = ()
    notices: tuple[str, ...] = ()
    rules: Mapping[str, str] = field(default_factory=dict)
    key: str = ""
    anonymity: Anonymity | None = None


@dataclass(frozen=True)
class Bar:
    """One bar of a histogram: what it stands for and its height."""

    label: str
    count: float


@dataclass(frozen=True)
class FeatureView:
    """Statistics of one feature in the train split.

    Attributes:
        name: Name of the feature.
        type: Its type in the words of the document, with ``[]`` behind it for an array.
        missing: Share of documents without a value, 0 to 1.
        numbers: Name of a statistic (mean, std, …) → value; empty for text.
        distinct: Number of distinct values of text; None for numbers.
        bars: Histogram of a number, or the most frequent values of text.
        hidden: Whether values are left out because they may be personal.
    """

    name: str
    type: str
    missing: float
    numbers: Mapping[str, float | str] = field(default_factory=dict)
    distinct: int | None = None
    bars: tuple[Bar, ...] = ()
    hidden: bool = False


@dataclass(frozen=True)
class Finding:
    """Something validation found.

    Attributes:
        kind: ``anomaly``, ``drift``, ``skew`` or ``leakage``.
        feature: Name of the feature; empty where it is about the whole data.
        expected: What the schema or the document expects.
        seen: What was found instead.
        rows: Number of rows concerned; None where that is not a matter of rows.
        stops: Whether it ended the run.
    """

    kind: str
    feature: str
    expected: str
    seen: str
    rows: int | None = None
    stops: bool = False


@dataclass(frozen=True)
class Distance:
    """A measured distance between two distributions of one feature.

    Attributes:
        kind: ``drift`` (against the span before) or ``skew`` (train against test).
        feature: Name of the feature.
        measure: Name of the distance.
        formula: What it measures, in words.
        value: The distance; None where one side has no values.
        limit: Largest distance that the document allows.
    """

    kind: str
    feature: str
    measure: str
    formula: str
    value: float | None
    limit: float


@dataclass(frozen=True)
class Curve:
    """One quantity over the epochs of training: train and, where measured, validation."""

    name: str
    train: tuple[float, ...]
    validation: tuple[float, ...] = ()


@dataclass(frozen=True)
class Trial:
    """One trial of the search for hyperparameters that ended with a result."""

    number: str
    score: float
    hyperparameters: Mapping[str, object] = field(default_factory=dict)
    best: bool = False


@dataclass(frozen=True)
class MetricRow:
    """One metric in one slice of the test split, with its 95% interval and the blessed model's value before.

    Attributes:
        metric: Name of the metric.
        slice: ``overall``, or ``feature=value``.
        value: The candidate's value; None where it cannot be computed, such as an AUC of one class.
        low: Lower end of the interval.
        high: Upper end of the interval.
        rows: Test rows in the slice.
        baseline: The same metric of the last blessed model.
    """

    metric: str
    slice: str
    value: float | None
    low: float | None = None
    high: float | None = None
    rows: int = 0
    baseline: float | None = None


@dataclass(frozen=True)
class GateRow:
    """One bound on one metric in one slice, and whether it holds.

    Attributes:
        metric: Name of the metric.
        slice: ``overall``, or ``feature=value``.
        bound: The bound in words.
        limit: The bound as a number on the metric's own scale; None where there is none.
        value: What was decided on.
        rows: Test rows in the slice.
        outcome: What the gate says.
        note: Why it did not decide, or how near it was.
    """

    metric: str
    slice: str
    bound: str
    limit: float | None
    value: float | None
    rows: int
    outcome: Literal["holds", "fails", "not decided"]
    note: str = ""


@dataclass(frozen=True)
class Verdict:
    """Whether the model was blessed, why, and what would flip it."""

    blessed: bool
    sentence: str
    flips: tuple[str, ...] = ()


@dataclass(frozen=True)
class ServingRow:
    """Milliseconds of a request by one protocol with so many rows: the candidate's, and the blessed model's beside it."""

    protocol: str
    rows: int
    p50: float
    p99: float
    blessed_p50: float | None = None
    blessed_p99: float | None = None


@dataclass(frozen=True)
class ServingCheck:
    """One bound on what serving costs: metric, where it was measured, the bound in words, the value, what came of it."""

    metric: str
    where: str
    bound: str
    value: float | None
    outcome: Literal["holds", "fails", "not decided"]
    note: str = ""


@dataclass(frozen=True)
class Serving:
    """What came of serving the candidate before it was pushed.

    Attributes:
        fit: Whether it may be pushed.
        sentence: Why, or why not.
        signature: The signature whose latency was measured; empty where it never came to that.
        rows: Latencies.
        memory: ``server``, ``candidate`` and ``blessed`` → MiB, as far as they were measured.
        load_seconds: ``candidate`` and ``blessed`` → time to load.
        warmup_requests: Warm-up requests that the model carries.
        checks: The document's bounds.
        notes: What else a reader should know.
    """

    fit: bool
    sentence: str
    signature: str = ""
    rows: tuple[ServingRow, ...] = ()
    memory: Mapping[str, float] = field(default_factory=dict)
    load_seconds: Mapping[str, float] = field(default_factory=dict)
    warmup_requests: int = 0
    checks: tuple[ServingCheck, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class LineageStep:
    """One step on the way from the export to the pushed model: what it is, its name, and what identifies it."""

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
        nodes: Nodes in an order in which each stands behind what it depends on.
        error: The error that ended the run; empty where none did.
        span: Span of the export; None where the pattern has none.
        higher_is_better: Metric → whether more is better; None where neither is.
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
    features: tuple[FeatureView, ...] = ()
    findings: tuple[Finding, ...] | None = None
    distances: tuple[Distance, ...] = ()
    curves: tuple[Curve, ...] = ()
    trials: tuple[Trial, ...] = ()
    objective: str = ""
    metrics: tuple[MetricRow, ...] = ()
    gates: tuple[GateRow, ...] = ()
    verdict: Verdict | None = None
    serving: Serving | None = None
    pushed: str = ""
    lineage: tuple[LineageStep, ...] = ()
    higher_is_better: Mapping[str, bool | None] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
