"""The sidecar of a bundle, ``bundle.json``: everything that a scheduler's files are written from, without the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from foundation.result import Part, Result


@dataclass(frozen=True)
class Resources(Part):
    """What a node's process gets; null: what the scheduler gives."""

    cpu: float | None = None
    """Cores."""
    memory: str | None = None
    """Memory, such as 4Gi."""
    gpu: int | None = None
    """Accelerators."""


@dataclass(frozen=True)
class NodeEntry(Part):
    """One node, with its settings merged from those for all nodes and its own."""

    id: str
    """Its name."""
    upstream: tuple[str, ...]
    """Nodes that must be done or skipped before it starts, in order."""
    optional: bool
    """Whether it is skipped in some runs, such as a comparison with earlier statistics in the first one."""
    resolver: bool
    """Whether it only looks up artifacts."""
    tensorflow: bool
    """Whether it runs operations of TensorFlow."""
    group: str
    """data, model, evaluation or push; empty: none."""
    retries: int
    """How often it is tried again."""
    retry_delay: float
    """Seconds before the first retry."""
    exponential: bool
    """Whether each further wait is twice as long."""
    timeout: float | None
    """Seconds that one try may take."""
    pool: str | None
    """The scheduler's pool that it takes a slot of."""
    resources: Resources
    """What its process gets."""
    made_of: Mapping[str, str]
    """What decides its result besides its inputs and export: digests of settings, code, own code, and schema or query."""


@dataclass(frozen=True)
class Parameter(Part):
    """A value that may be changed when a run is started by hand."""

    name: str
    """Its keys in the document, joined by dots."""
    types: tuple[str, ...]
    """What it may be, in the words of JSON Schema: integer, number, string, boolean, array, object, null."""
    default: Any
    """What the document says."""
    description: str = ""
    """What it means."""
    choices: tuple[Any, ...] = ()
    """The values that it may have; empty: any of its types."""
    minimum: float | None = None
    """The smallest number that it may be."""
    maximum: float | None = None
    """The largest."""


@dataclass(frozen=True)
class Production(Part):
    """The document's ``production`` without what is under nodes, parameters and image."""

    schedule: str | None
    """Cron or a preset such as @daily; null: started by hand."""
    start: str | None
    """Begin of the first interval, as a date or time."""
    catch_up: bool
    """Whether intervals that have passed are made up for."""
    timezone: str
    """Time zone of schedule, start and spans."""
    max_active_runs: int
    """How many runs may be at work at once."""
    span: str | int
    """How an interval's end becomes a span: days, hours, date, or days per span."""
    spans: bool
    """Whether the export has spans at all; if not, no run is given one."""
    deadline: float | None
    """Seconds that a run may take before it is ended and reported."""
    groups: bool
    """Whether nodes are shown in groups."""
    on_failure: str | None
    """The webhook that hears of a failed run."""
    on_failure_env: str | None
    """Name of the environment variable that holds it."""
    retrain: Mapping[str, Any] | None
    """on_export, on_alarm, new_labels."""


@dataclass(frozen=True)
class Sidecar(Result):
    """What a bundle is, for those who deploy it."""

    FILE: ClassVar[str] = "bundle.json"
    REMEDY: ClassVar[str] = "compile the document again with 'penstock compile'"

    name: str
    """Name of the pipeline."""
    penstock: str
    """Version of Penstock that compiled it, and needs to run it."""
    code: str
    """SHA-256 of Penstock's own code behind the nodes."""
    files: Mapping[str, str]
    """Name of each other file of the bundle → its SHA-256."""
    packaged: Mapping[str, str]
    """Path of each file in code.zip → its SHA-256."""
    folder: str
    """The document's folder in code.zip."""
    root: str
    """The document's pipeline root; a relative one starts at the home of the nodes."""
    export: str
    """The export's pattern; empty for a query."""
    image: str | None
    """Image of the nodes' containers."""
    production: Production
    """When it runs."""
    parameters: tuple[Parameter, ...]
    """What may be changed for a run."""
    nodes: tuple[NodeEntry, ...]
    """The nodes, each after those that it needs."""
    digest: str = field(default="")
    """SHA-256 over all of this, and so over every file of the bundle."""

    def node(self, node_id: str) -> NodeEntry | None:
        """Returns the node with this id, None if there is none."""
        return next((node for node in self.nodes if node.id == node_id), None)
