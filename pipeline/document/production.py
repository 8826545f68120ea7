"""The ``production`` slice of the document: when the pipeline runs, with what, and what may be changed for a run.

Nothing here changes what a node computes, so none of it is part of a fingerprint. ``penstock compile`` puts it into the
bundle, from which schedulers are written.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field

from foundation.config import Config
from foundation.errors import near_miss
from foundation.quantities import Duration
from pipeline.document.cron import checked_schedule

MEMORY = r"^[1-9][0-9]*(Mi|Gi)$"
"""The form of an amount of memory."""
VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"
"""The form of an environment variable's name."""
WEBHOOK = r"^https?://[^\s@]+$"
"""The form of a webhook; one with a user or a password in it is named by an environment variable."""
IMAGE = r"^[a-z0-9][A-Za-z0-9._/:@-]*$"
"""The form of an image's name."""
POOL = r"^[A-Za-z0-9_.-]+$"
"""The form of a pool's name."""


def _moment(text: str) -> str:
    try:
        datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError("expected a date such as 2026-01-01, or a time such as 2026-01-01T03:00") from error
    return text


def _timezone(name: str) -> str:
    known = available_timezones()
    if name not in known:
        raise ValueError(
            near_miss(name, sorted(known)) or "expected a time zone such as UTC or Europe/Zurich"
        )
    ZoneInfo(name)
    return name


class ResourcesConfig(Config):
    """What a node's process gets where a scheduler hands out resources."""

    cpu: float | None = Field(default=None, gt=0)
    """Cores."""
    memory: str | None = Field(default=None, pattern=MEMORY)
    """Memory, such as 4Gi or 512Mi."""
    gpu: int | None = Field(default=None, ge=0)
    """Accelerators."""


class NodeProductionConfig(Config):
    """How one node differs from the others."""

    retries: int | None = Field(default=None, ge=0)
    """How often it is tried again."""
    retry_delay: Duration | None = None
    """How long to wait before that."""
    timeout: Duration | None = Field(default=None, gt=0)
    """How long one try may take."""
    pool: str | None = Field(default=None, pattern=POOL)
    """The scheduler's pool that it takes a slot of."""
    resources: ResourcesConfig = ResourcesConfig()
    """What its process gets; what is left out is as for all nodes."""


class FromEnvironmentConfig(Config):
    """A value that only the environment holds."""

    env: str = Field(pattern=VARIABLE)
    """Name of the environment variable."""


class RetrainConfig(Config):
    """Continuous training: what starts a run besides the schedule."""

    on_export: bool = False
    """Whether a new export does."""
    on_alarm: bool = False
    """Whether an alarm of the monitored model does."""
    new_labels: int | None = Field(default=None, ge=1)
    """How many new labels do."""


Schedule = Annotated[str, AfterValidator(checked_schedule)]
Moment = Annotated[str, AfterValidator(_moment)]
Timezone = Annotated[str, AfterValidator(_timezone)]
DaysPerSpan = Annotated[int, Field(ge=1)]


class ProductionConfig(Config):
    """How the pipeline runs where a scheduler starts it."""

    schedule: Schedule | None = None
    """When it runs, as cron: 0 3 * * *, @daily; omitted: when it is started."""
    start: Moment | None = None
    """Begin of the first interval, such as 2026-01-01."""
    catch_up: bool = False
    """Whether intervals that have passed since the start are made up for."""
    timezone: Timezone = "UTC"
    """Time zone of schedule, start and spans."""
    max_active_runs: int = Field(default=1, ge=1)
    """How many runs may be at work at once."""
    span: Literal["days", "hours", "date"] | DaysPerSpan = "days"
    """The span of an interval by its end: days or hours since 1970-01-01, its date (20260131), or days per span."""
    image: str | None = Field(default=None, pattern=IMAGE)
    """Image of the nodes' containers."""
    retries: int = Field(default=2, ge=0)
    """How often a node that failed is tried again, where that can help."""
    retry_delay: Duration = 300.0
    """How long to wait before the first retry."""
    exponential: bool = True
    """Whether each further wait is twice as long."""
    timeout: Duration | None = Field(default=None, gt=0)
    """How long one try of a node may take; omitted: any time."""
    deadline: Duration | None = Field(default=None, gt=0)
    """How long a run may take before it is ended and reported; omitted: any time."""
    pool: str | None = Field(default=None, pattern=POOL)
    """The scheduler's pool that nodes take slots of."""
    resources: ResourcesConfig = ResourcesConfig()
    """What a node's process gets."""
    nodes: dict[str, NodeProductionConfig] = Field(default_factory=dict)
    """What is different for single nodes."""
    groups: bool = True
    """Whether nodes are shown in groups: data, model, evaluation, push."""
    on_failure: FromEnvironmentConfig | Annotated[str, Field(pattern=WEBHOOK)] | None = None
    """The webhook that hears of a failed run, or the environment variable that holds it."""
    parameters: list[str] = Field(default_factory=list)
    """Keys of the document whose values may be changed when a run is started by hand, such as train.steps."""
    retrain: RetrainConfig | None = None
    """Continuous training; omitted: only the schedule starts runs."""

    @property
    def enough_labels(self) -> int:
        """How many new labels start a run; 0 where none do."""
        return (self.retrain and self.retrain.new_labels) or 0


def resources_words(production: ProductionConfig, nodes: Sequence[str]) -> str:
    """Returns what the processes of nodes get, in words; empty where the document does not say.

    Args:
        production: The slice.
        nodes: The nodes, in order.
    """
    every = _resources(production.resources)
    own = {name: _resources(one.resources) for name, one in production.nodes.items() if name in nodes}
    said = [f"each node {every}"] if every else []
    said += [f"{name} {words}" for name, words in own.items() if words]
    return f"A scheduler gives {'; '.join(said)}." if said else ""


def _resources(given: ResourcesConfig) -> str:
    cpu = f"{given.cpu:g} core{'' if given.cpu == 1 else 's'}" if given.cpu else ""
    gpu = f"{given.gpu} accelerator{'' if given.gpu == 1 else 's'}" if given.gpu else ""
    return ", ".join(filter(None, (cpu, given.memory, gpu)))
