"""The models to serve: TF Serving's ModelServerConfig as checked, plain data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from serving.server.config.text_configs import parse_text
from serving.server.status import Code, ServingError

if TYPE_CHECKING:
    from collections.abc import Iterable

PLATFORM: Final = "tensorflow"
_URI = re.compile(r"[A-Za-z][A-Za-z0-9.]*://")


@dataclass(frozen=True)
class VersionPolicy:
    """Which of the existing versions to serve.

    Attributes:
        kind: ``latest``, ``all`` or ``specific``.
        count: How many of the largest numbers, for ``latest``.
        versions: The numbers, for ``specific``.
    """

    kind: str = "latest"
    count: int = 1
    versions: tuple[int, ...] = ()

    def choose(self, found: Iterable[int]) -> set[int]:
        """Returns the versions to serve, out of those that exist."""
        if self.kind == "all":
            return set(found)
        if self.kind == "specific":
            return set(found) & set(self.versions)
        return set(sorted(found, reverse=True)[: max(self.count, 1)])


@dataclass(frozen=True)
class LoggingConfig:
    """Where and how often a model's requests are logged: an extension, which the public binary refuses.

    Attributes:
        type: The collector's type; empty means the default one.
        filename_prefix: Path prefix of the files.
        sampling_rate: The share of requests to log, 0 to 1.
    """

    type: str
    filename_prefix: str
    sampling_rate: float


@dataclass(frozen=True)
class ModelConfig:
    """One model.

    Attributes:
        name: Its name in requests.
        base_path: The directory that holds its version directories.
        platform: Always ``tensorflow``.
        policy: Which versions are served.
        labels: Label → version.
        logging: Request logging, or None.
    """

    name: str
    base_path: str
    platform: str = PLATFORM
    policy: VersionPolicy = VersionPolicy()
    labels: Mapping[str, int] = field(default_factory=dict)
    logging: LoggingConfig | None = None


@dataclass(frozen=True)
class ServerConfig:
    """All models.

    Attributes:
        models: In configured order, with unique names.
        is_list: Whether the text held a model_config_list, even an empty one.
    """

    models: tuple[ModelConfig, ...] = ()
    is_list: bool = True


def single_model(name: str, base_path: str) -> ServerConfig:
    """Returns the config for ``--model_name`` and ``--model_base_path``; a relative path is refused."""
    return checked((ModelConfig(name, base_path),))


def parse_config(text: str, source: str) -> ServerConfig:
    """Reads a text ModelServerConfig.

    Raises:
        ServingError: INVALID_ARGUMENT if the text or its content is wrong.
    """
    from tensorflow_serving.config import model_server_config_pb2

    return from_proto(parse_text(text, model_server_config_pb2.ModelServerConfig(), source))


def from_proto(message: Any) -> ServerConfig:
    """Converts a ModelServerConfig message to plain data.

    Raises:
        ServingError: INVALID_ARGUMENT if it is custom or its content is wrong.
    """
    kind = message.WhichOneof("config")
    if kind == "custom_model_config":
        raise _invalid("ModelServer does not yet support custom model config.")
    if kind is None:
        return ServerConfig(is_list=False)
    return checked(tuple(_model(entry) for entry in message.model_config_list.config))


def checked(models: tuple[ModelConfig, ...]) -> ServerConfig:
    """Returns the config of these models.

    Raises:
        ServingError: INVALID_ARGUMENT for a duplicate name, a relative path or an unknown platform.
    """
    seen: set[str] = set()
    for model in models:
        if model.name in seen:
            raise _invalid(f"Illegal to list model {model.name} multiple times in config list")
        seen.add(model.name)
        if not model.base_path.startswith("/") and not _URI.match(model.base_path):
            raise _invalid(
                f"Expected model {model.name} to have an absolute path or URI; got base_path()={model.base_path}"
            )
        if model.platform != PLATFORM:
            raise _invalid(f"Model {model.name} requests unsupported platform {model.platform}")
    return ServerConfig(models)


def without_labels(config: ServerConfig) -> ServerConfig:
    """Returns the configuration for a worker that starts later; it gets its labels once its versions are loaded."""
    return replace(config, models=tuple(replace(model, labels={}) for model in config.models))


def _model(entry: Any) -> ModelConfig:
    return ModelConfig(
        name=entry.name,
        base_path=entry.base_path,
        platform=_platform(entry),
        policy=_policy(entry.model_version_policy),
        labels=dict(entry.version_labels),
        logging=_logging(entry.logging_config) if entry.HasField("logging_config") else None,
    )


def _platform(entry: Any) -> str:
    if entry.model_type:
        if entry.model_platform:
            raise _invalid(
                "Illegal setting both ModelServerConfig::model_type (deprecated) "
                "and ModelServerConfig::model_platform."
            )
        if entry.model_type != 1:
            raise _invalid(f"ModelServerConfig::model_type choice {entry.model_type} not supported.")
        return PLATFORM
    if not entry.model_platform:
        raise _invalid(
            "Illegal setting neither ModelServerConfig::model_type (deprecated) "
            "nor ModelServerConfig::model_platform."
        )
    return str(entry.model_platform)


def _policy(message: Any) -> VersionPolicy:
    kind = message.WhichOneof("policy_choice")
    if kind == "all":
        return VersionPolicy("all")
    if kind == "specific":
        return VersionPolicy("specific", versions=tuple(message.specific.versions))
    return VersionPolicy("latest", max(message.latest.num_versions, 1))


def _logging(message: Any) -> LoggingConfig:
    rate = message.sampling_config.sampling_rate
    if not 0 <= rate <= 1:
        raise _invalid(f"sampling_rate must be between 0 and 1; was {rate}")
    collector = message.log_collector_config
    return LoggingConfig(collector.type, collector.filename_prefix, rate)


def _invalid(text: str) -> ServingError:
    return ServingError(Code.INVALID_ARGUMENT, text)
