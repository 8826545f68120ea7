"""The deploy document: which models are served, and how and where the server runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from foundation.config import Config
from serving.deploy.quantity import PATTERN as QUANTITY

DEFAULT_IMAGE: Final = "tensorflow/serving:2.19.1"
EMPTY_SECTIONS: Final = ("batching", "monitoring", "tls", "compose")
"""Sections that may be left empty, or be ``true``, to use all their defaults."""
MODELS_FOLDER: Final = "/models"
"""Where containers see the models, as in TF Serving's own image."""


def _as_text(value: Any) -> Any:
    """Returns a number as text, so that ``cpu: 2`` needs no quotes."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


_NAME, _OBJECT = r"^[a-z]([-a-z0-9]*[a-z0-9])?$", r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$"
_LONGEST_NAME = 50
_LABEL, _PATH = r"^[A-Za-z0-9_]+$", r"^/[A-Za-z0-9/_.-]+$"
_VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"
PATTERNS: Final = {
    _NAME: "lower case letters, digits and dashes, beginning with a letter, as Kubernetes names Services",
    _OBJECT: "lower case letters, digits, dashes and dots, as Kubernetes names objects",
    QUANTITY: "a quantity such as 500m or 2Gi",
    _LABEL: "letters, digits and underscores",
    _PATH: "a path that begins with /",
    _VARIABLE: "the name of an environment variable",
}
"""What each pattern allows, for messages."""

Name = Annotated[str, StringConstraints(pattern=_NAME, max_length=_LONGEST_NAME)]
Object = Annotated[str, StringConstraints(pattern=_OBJECT, max_length=253)]
Quantity = Annotated[str, StringConstraints(pattern=QUANTITY), BeforeValidator(_as_text)]
Version = Annotated[int, Field(ge=0, lt=2**63)]
Label = Annotated[str, StringConstraints(pattern=_LABEL)]


class VersionsConfig(Config):
    """Which versions are served: ``all``, a list of numbers, or ``{latest: N}``."""

    latest: int = Field(default=1, ge=1)
    """This many of the newest versions."""
    all: bool = False
    """Every version; written as all."""
    specific: tuple[Version, ...] = ()
    """Exactly these versions; written as a list."""

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, given: Any) -> Any:
        if given == "all":
            return {"all": True}
        if isinstance(given, list):
            if not given:
                raise ValueError("an empty list serves nothing; list versions, or leave the key out")
            return {"specific": given}
        if isinstance(given, dict) and set(given) <= {"latest"}:
            return given
        raise ValueError("expected all, a list of version numbers, or {latest: N}")


class ServedModel(Config):
    """One model."""

    base_path: str = ""
    """Folder of the numbered versions as the server sees it: absolute or a URI; by default /models/NAME."""
    versions: VersionsConfig = VersionsConfig()
    """Which versions are served: all, a list of numbers, or {latest: N}; by default the newest."""
    labels: dict[Label, Version] = Field(default_factory=dict)
    """Label → version; requests may then use /labels/LABEL."""

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, given: Any) -> Any:
        return {} if given is None else given


class BatchingConfig(Config):
    """Requests of one model that run together; omitted keys have TF Serving's defaults."""

    max_batch_size: int | None = Field(default=None, ge=1)
    """The most rows in a batch, and in a request unless large ones are split."""
    batch_timeout_micros: int | None = Field(default=None, ge=0)
    """How long the first request in a batch waits for others."""
    max_enqueued_batches: int | None = Field(default=None, ge=1)
    """The most batches waiting; beyond that, requests fail with UNAVAILABLE."""
    num_batch_threads: int | None = Field(default=None, ge=1)
    """Batches that run at the same time."""
    allowed_batch_sizes: tuple[int, ...] = ()
    """Batches are padded to one of these sizes; ascending, the last is max_batch_size."""
    pad_variable_length_inputs: bool | None = None
    """Whether rows of unequal length may share a batch."""
    enable_large_batch_splitting: bool | None = None
    """Whether requests above max_batch_size are split."""
    max_execution_batch_size: int | None = Field(default=None, ge=1)
    """With splitting: the most rows that run at once."""


class MonitoringConfig(Config):
    """Prometheus metrics on the REST port."""

    path: Annotated[str, StringConstraints(pattern=_PATH)] = "/monitoring/prometheus/metrics"
    """Their URL path."""


class TlsConfig(Config):
    """TLS for gRPC. TF Serving's REST port stays plain HTTP.

    The PEM files are read when the server starts; no key is ever written to a generated file.
    """

    client_verify: bool = False
    """Whether clients must present a certificate signed by ca.crt."""
    folder: str = "tls"
    """Folder with tls.crt, tls.key and, with client_verify, ca.crt, for docker compose; relative to its file."""
    secret: Object | None = None
    """Kubernetes Secret with these three entries, as cert-manager creates it; by default NAME-tls."""


class ResourcesConfig(Config):
    """What one server may use."""

    cpu: Quantity = "1"
    """Reserved cores."""
    memory: Quantity = "2Gi"
    """Reserved memory. While versions switch, two of them are in memory."""
    cpu_limit: Quantity | None = None
    """The most cores; by default no limit, so that loading a version does not throttle requests."""
    memory_limit: Quantity | None = None
    """The most memory; by default what is reserved."""


class ComposeConfig(Config):
    """One server under docker compose."""

    models_folder: str = "serving_models"
    """Host folder that the server sees as /models; relative to the compose file."""
    bind: str = "127.0.0.1"
    """Host address to publish the ports on."""


class StorageConfig(Config):
    """The volume with the models, which the server sees as /models."""

    claim: Object
    """Name of the PersistentVolumeClaim."""
    create: bool = False
    """Whether to generate the claim too."""
    size: Quantity = "10Gi"
    """Size of the generated claim."""
    storage_class: str | None = None
    """Storage class of the generated claim; by default the cluster's."""


class AutoscaleConfig(Config):
    """More servers when the CPUs are busy."""

    most: int = Field(ge=1)
    """The most replicas; replicas is the least."""
    cpu_percent: int = Field(default=70, ge=1, le=100)
    """Target average use of the reserved cores."""


class KubernetesConfig(Config):
    """Servers in a Kubernetes cluster."""

    namespace: Name | None = None
    """Namespace; by default kubectl's current one."""
    replicas: int = Field(default=2, ge=1)
    """Number of servers."""
    storage: StorageConfig | None = None
    """The volume with the models; not needed if every base_path is a URI."""
    autoscale: AutoscaleConfig | None = None
    """More servers under load; by default their number is fixed."""
    env_from_secret: Object | None = None
    """Secret whose entries become environment variables, such as a store's credentials."""
    service_account: Object | None = None
    """Service account of the pods, such as one that may read the models."""


class RouterConfig(Config):
    """The router that splits traffic between versions. Clients use it in the place of the server."""

    experiments: str
    """The experiments' document; relative to this one. Its default backend is the server, NAME:8500 and NAME:8501."""
    image: str
    """An image of Penstock with its tag; the repository's Dockerfile builds it."""
    environment: tuple[Annotated[str, StringConstraints(pattern=_VARIABLE)], ...] = ()
    """Environment variables that docker compose passes on, such as tokens; only their names."""
    replicas: int = Field(default=1, ge=1)
    """Number of routers in Kubernetes; several need their state in PostgreSQL."""
    secret: Object | None = None
    """Kubernetes Secret whose entries become environment variables, such as tokens and the state's URL."""
    data_claim: Object | None = None
    """PersistentVolumeClaim for /data: SQLite and the prediction log; by default they end with the pod."""
    resources: ResourcesConfig = ResourcesConfig(cpu="500m", memory="512Mi")
    """What one router may use."""


class DeployDocument(Config):
    """The document of ``penstock deploy``."""

    name: Name
    """Name of the service, of its containers and of all Kubernetes objects."""
    models: dict[str, ServedModel] = Field(min_length=1)
    """Model name → its location and the versions to serve."""
    image: str = DEFAULT_IMAGE
    """Container image with its tag."""
    executable: Literal["tensorflow_model_server", "penstock-model-server"] = "tensorflow_model_server"
    """The server in the image."""
    grpc_port: int = Field(default=8500, ge=1, le=65535)
    """gRPC port."""
    rest_port: int = Field(default=8501, ge=1, le=65535)
    """REST port."""
    batching: BatchingConfig | None = None
    """Run requests together; by default each runs separately."""
    monitoring: MonitoringConfig | None = None
    """Prometheus metrics; by default none."""
    tls: TlsConfig | None = None
    """Encrypt gRPC; by default it is not encrypted."""
    flags: dict[str, bool | int | float | str] = Field(default_factory=dict)
    """Additional server flags, without their dashes."""
    config_poll_seconds: int = Field(default=60, ge=0)
    """How often the server rereads the list of models, to change models and labels without a restart; 0: never."""
    start_seconds: int = Field(default=300, ge=10)
    """How long a server may load models before it is restarted."""
    drain_seconds: int = Field(default=20, ge=1)
    """How long a stopping server keeps answering; must exceed the longest request."""
    resources: ResourcesConfig = ResourcesConfig()
    """What one server may use."""
    router: RouterConfig | None = None
    """Put a router in front of the server; by default clients use the server."""
    compose: ComposeConfig | None = None
    """Generate docker-compose.yaml."""
    kubernetes: KubernetesConfig | None = None
    """Generate kubernetes.yaml."""

    @model_validator(mode="before")
    @classmethod
    def _empty_sections(cls, given: Any) -> Any:
        """Replaces a section that is empty or ``true`` by its defaults."""
        if not isinstance(given, dict):
            return given
        return {
            key: {} if key in EMPTY_SECTIONS and value in (None, True) else value
            for key, value in given.items()
        }

    def base_path(self, model: str) -> str:
        """Returns a model's folder as the server sees it."""
        return self.models[model].base_path or f"{MODELS_FOLDER}/{model}"

    @property
    def uses_volume(self) -> bool:
        """Whether any model is in a folder rather than at a URI."""
        return any("://" not in self.base_path(model) for model in self.models)

    @property
    def labelled(self) -> bool:
        """Whether any model has labels."""
        return any(model.labels for model in self.models.values())


def pushed_model(name: str, versions: Path, out: Path) -> DeployDocument:
    """Returns the document that serves one pushed model under docker compose.

    Args:
        name: The model's name, such as the pipeline's.
        versions: The folder of its numbered versions.
        out: The folder that the files will be written to.
    """
    host = os.path.relpath(versions.resolve(), out.resolve())
    return DeployDocument(
        name=name.replace("_", "-")[:_LONGEST_NAME].strip("-"),
        models={
            name: ServedModel(base_path=MODELS_FOLDER)
        },  # only the versions are mounted, not their neighbours
        compose=ComposeConfig(models_folder=host),
    )
