"""The models of the document: backends, state, layers, experiments and their arms."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from foundation.config import Config
from foundation.quantities import Share
from serving import headers
from serving.experiments.control.config import LimitsConfig, TokensConfig
from serving.experiments.document.weights import Weight, shares
from serving.experiments.guardrails.config import AlertConfig, GuardrailsConfig
from serving.experiments.log.config import LogConfig
from serving.experiments.modes.config import ModeConfig
from serving.experiments.rewards.config import RewardConfig
from serving.experiments.state.config import StateConfig
from serving.experiments.statistics.config import PlannedConfig

_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"
_MODEL: Final = r"^[^/:\s]+$"
_ADDRESS: Final = r"^(\[[0-9A-Fa-f:.]+\]|[^\s:/\[\]]+):[0-9]{1,5}$"
_HEADER: Final = r"^[a-z0-9][a-z0-9_.-]*$"
_VARIABLE: Final = r"^[A-Za-z_][A-Za-z0-9_]*$"
PATTERNS: Final = {
    _NAME: "letters, digits, dashes and underscores, beginning with a letter or a digit",
    _MODEL: "a model's name without spaces, / and :",
    _ADDRESS: "HOST:PORT",
    _HEADER: "the name of a header: letters, digits, dashes, dots and underscores",
    _VARIABLE: "the name of an environment variable",
}
"""What each pattern allows, for messages."""

DEFAULT_LAYER: Final = "default"
_MAY_BE_EMPTY: Final = ("experiments", "backends", "layers", "tokens", "limits")


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


Name = Annotated[str, StringConstraints(pattern=_NAME, max_length=63)]
ModelName = Annotated[str, StringConstraints(pattern=_MODEL, max_length=255)]
Address = Annotated[str, StringConstraints(pattern=_ADDRESS)]
Header = Annotated[str, StringConstraints(pattern=_HEADER, max_length=100), BeforeValidator(_lower)]


class BackendTlsConfig(Config):
    """How the router speaks TLS to a backend; paths are relative to the document's folder."""

    ca: str | None = None
    """Path of the certificates to trust, PEM; by default the system's."""
    certificate: str | None = None
    """Path of the router's own certificate, PEM, if the backend asks for one."""
    key: str | None = None
    """Path of its key, PEM."""
    name: str | None = None
    """The name in the backend's certificate; by default the address's host."""
    rest: bool = False
    """Whether the REST address speaks TLS too; TF Serving's own does not."""


class BackendConfig(Config):
    """A TF Serving that ``penstock route`` sends requests to."""

    grpc: Address | None = None
    """HOST:PORT of its gRPC API."""
    rest: Address | None = None
    """HOST:PORT of its REST API."""
    tls: BackendTlsConfig | None = None
    """TLS to the gRPC address; by default in the clear."""
    connections: int = Field(default=1, ge=1, le=64)
    """Among how many gRPC connections calls are spread: give as many as the server has worker processes."""
    models: Annotated[str, Field(min_length=1)] | None = None
    """Path of its model configuration file, relative to the document: promote and rollback move labels in it."""


class LayerConfig(Config):
    """A layer: a unit takes part in at most one of its experiments. Layers are independent of each other."""

    salt: str | None = Field(default=None, min_length=1, max_length=200)
    """What is hashed with a unit; by default the layer's name. Another salt assigns every unit anew."""

    @model_validator(mode="before")
    @classmethod
    def _empty(cls, given: Any) -> Any:
        return {} if given is None else given


class UnitConfig(Config):
    """What always gets the same arm; one of the keys, or ``request``."""

    header: Header | None = None
    """Header of the request; over gRPC the metadata key of the same name."""
    metadata: Header | None = None
    """gRPC metadata key; over REST the header of the same name."""
    feature: Annotated[str, Field(min_length=1)] | None = None
    """Feature of the request that holds it."""
    request: Literal[True] | None = None
    """Each request is assigned by itself; written as request."""

    @model_validator(mode="before")
    @classmethod
    def _word(cls, given: Any) -> Any:
        return {"request": True} if given == "request" else given

    @model_validator(mode="after")
    def _one(self) -> UnitConfig:
        if len(self.model_dump(exclude_none=True)) != 1:
            raise ValueError("give one of {header: NAME}, {metadata: NAME}, {feature: NAME}, or request")
        name = self.key or ""
        if name.startswith("grpc-") or name.endswith("-bin"):
            raise ValueError(
                "names that begin with grpc- or end with -bin are gRPC's own; take another header"
            )
        return self

    @property
    def key(self) -> str | None:
        """Name of the header or metadata key, in lower case."""
        return self.header or self.metadata


class ArmConfig(Config):
    """Where the requests of an arm go: a version, a label, another model, or another backend."""

    model: ModelName | None = None
    """The model at the backend; by default the public one."""
    version: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    """Its version."""
    label: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    """Label of the version, instead of its number."""
    backend: str | None = None
    """Name of the backend; by default the first one."""
    weight: Weight | None = None
    """Share of the experiment's units at the start: 90%, 0.9, 9/10, or 9 beside the 1 of another arm."""

    @model_validator(mode="after")
    def _one(self) -> ArmConfig:
        if self.version is not None and self.label is not None:
            raise ValueError("give a version or a label, not both")
        return self


class ExperimentConfig(Config):
    """An experiment on one public model."""

    model: ModelName
    """The public name, as clients ask for it."""
    arms: dict[Name, ArmConfig] = Field(min_length=2, max_length=50)
    """Name → where its requests go."""
    control: str
    """The arm that the others are compared with: the present model."""
    layer: str = DEFAULT_LAYER
    """The layer that it takes its units from."""
    share: Share = 1.0
    """Share of the layer's units that take part; the others get what they ask for."""
    unit: UnitConfig = UnitConfig(header=headers.UNIT)
    """What always gets the same arm: a header, a feature of the request, or the request itself."""
    mode: ModeConfig = ModeConfig()
    """How traffic is divided between the arms: split, or one that learns."""
    reward: RewardConfig | None = None
    """What tells a good answer from a bad one; without it nothing is compared."""
    planned: PlannedConfig = PlannedConfig()
    """How large it is meant to be, and when the verdict is sure enough."""
    guardrails: GuardrailsConfig = GuardrailsConfig()
    """When an arm is taken out."""
    fallback: Literal["none", "control"] = "none"
    """Whether control answers where an arm fails; by default clients see the arm's own error."""

    def shares(self) -> dict[str, float]:
        """Returns each arm's share of the experiment as the document has it."""
        return shares({name: arm.weight for name, arm in self.arms.items()})


class ExperimentsDocument(Config):
    """The document of ``penstock experiment``, ``penstock route`` and the server's own experiments."""

    experiments: dict[Name, ExperimentConfig] = Field(default_factory=dict)
    """Name → an experiment."""
    backends: dict[Name, BackendConfig] = Field(default_factory=dict)
    """Name → a TF Serving; the first is the default. Not for experiments in the server itself."""
    layers: dict[Name, LayerConfig] = Field(default_factory=dict)
    """Name → a layer; ``default`` need not be given."""
    state: StateConfig = StateConfig()
    """Where assignments, rewards and statistics are kept: the path of a SQLite file, or PostgreSQL."""
    log: LogConfig | None = None
    """The prediction log; by default none."""
    alert: AlertConfig | None = None
    """Who hears of an arm that was taken out, a promotion or a rollback; by default only the log and the status."""
    tokens: TokensConfig = TokensConfig()
    """Environment variables with the tokens of the endpoints; without them these are open on loopback only."""
    limits: LimitsConfig = LimitsConfig()
    """What one call to the endpoints may hold."""

    @model_validator(mode="before")
    @classmethod
    def _empty_sections(cls, given: Any) -> Any:
        """Takes a section without a value, such as ``experiments:``, as an empty one."""
        if not isinstance(given, dict):
            return given
        return {key: {} if key in _MAY_BE_EMPTY and value is None else value for key, value in given.items()}

    @cached_property
    def version(self) -> str:
        """The first 12 hex digits of the digest of what the document says; comments do not count."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()[:12]

    @property
    def default_backend(self) -> str:
        """Name of the first backend; empty if there is none."""
        return next(iter(self.backends), "")

    def layer_names(self) -> list[str]:
        """Returns the layers that experiments may name."""
        return list(dict.fromkeys([*self.layers, DEFAULT_LAYER]))

    def salt(self, layer: str) -> str:
        """Returns a layer's salt."""
        return (self.layers.get(layer) or LayerConfig()).salt or layer
