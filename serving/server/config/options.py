"""The server's command-line options: one field per flag, with TF Serving's names and defaults."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from serving.server.config.batching_parameters import BatchingParameters
    from serving.server.config.model_config import ServerConfig
    from serving.server.config.text_configs import SslConfig

_CPUS = os.cpu_count() or 1


class Level(Enum):
    """What the server does with a flag."""

    HONOUR = "honour"
    IGNORE = "ignore"
    REFUSE = "refuse"
    EXTENSION = "extension"


def _flag(default: Any, text: str, level: Level = Level.HONOUR, *, wide: bool = False) -> Any:
    """Declares a flag: its default, its line in the usage, how it is treated, and whether it is an int64."""
    return field(default=default, metadata={"help": text, "level": level, "wide": wide})


def _extension(default: Any, text: str) -> Any:
    return _flag(default, text, Level.EXTENSION)


def _ignored(default: Any, text: str = "Tuning of the C++ server; accepted, without effect here.") -> Any:
    return _flag(default, text, Level.IGNORE)


@dataclass(frozen=True)
class Options:
    """The server's options. Fields with metadata are flags; the last ones hold the contents of the flags' files."""

    port: int = _flag(8500, "TCP port of gRPC; 0 means none and requires grpc_socket_path.")
    grpc_socket_path: str = _flag("", "Also listen for gRPC on this UNIX socket path.")
    rest_api_port: int = _flag(0, "TCP port of HTTP/REST; 0 means no HTTP.")
    rest_api_num_threads: int = _flag(4 * _CPUS, "Number of HTTP worker threads.")
    rest_api_timeout_in_ms: int = _flag(30000, "Time limit of one session run that HTTP/REST starts.")
    rest_api_enable_cors_support: bool = _flag(False, "CORS headers on every HTTP/REST answer.")
    model_name: str = _flag("default", "Name of the model; ignored with model_config_file.")
    model_base_path: str = _flag("", "Directory with numeric version directories.")
    model_config_file: str = _flag("", "Text ModelServerConfig: the models to serve.")
    model_config_file_poll_wait_seconds: int = _flag(
        0, "Seconds between reads of model_config_file; 0 means read it once."
    )
    file_system_poll_wait_seconds: int = _flag(
        1, "Seconds between looks for versions; 0 means look once, negative never."
    )
    allow_version_labels_for_unavailable_models: bool = _flag(
        False, "Let a new label point at a version that is not available yet."
    )
    enable_batching: bool = _flag(False, "Batch requests.")
    batching_parameters_file: str = _flag("", "Text BatchingParameters instead of the defaults.")
    enable_per_model_batching_parameters: bool = _flag(
        False, "Read batching parameters from <version>/batching_params.pbtxt."
    )
    num_load_threads: int = _flag(0, "How many versions may load at once; 0 means 4 per CPU.")
    num_unload_threads: int = _flag(0, "How many versions may unload at once; 0 means 4 per CPU.")
    max_num_load_retries: int = _flag(5, "How often a failed load is retried.")
    load_retry_interval_micros: int = _flag(
        60_000_000, "Wait between two attempts to load; negative means none.", wide=True
    )
    enable_model_warmup: bool = _flag(True, "Replay a version's recorded warmup requests before it serves.")
    num_request_iterations_for_warmup: int = _flag(0, "How often to replay every warmup record, if positive.")
    saved_model_tags: str = _flag("serve", "Comma-separated tags of the MetaGraph to load.")
    enable_signature_method_name_check: bool = _flag(
        False, "Check the signature's method name against the call."
    )
    enable_serialization_as_tensor_content: bool = _flag(False, "Answer Predict in tensor_content.")
    enable_grpc_healthcheck_service: bool = _flag(False, "Serve grpc.health.v1.Health.")
    ssl_config_file: str = _flag("", "Text SSLConfig: gRPC over TLS.")
    monitoring_config_file: str = _flag("", "Text MonitoringConfig: Prometheus metrics on the HTTP port.")
    grpc_channel_arguments: str = _flag("", "Comma-separated key=value arguments of the gRPC server.")
    grpc_max_threads: int = _flag(4 * _CPUS, "Number of gRPC worker threads.")
    tensorflow_session_parallelism: int = _flag(
        0, "Threads of a session, between and inside ops; 0 lets TensorFlow choose.", wide=True
    )
    tensorflow_intra_op_parallelism: int = _flag(0, "Threads inside one op.", wide=True)
    tensorflow_inter_op_parallelism: int = _flag(0, "Ops that may run at once.", wide=True)
    tensorflow_session_config_file: str = _flag("", "Text tensorflow.ConfigProto of the sessions.")
    per_process_gpu_memory_fraction: float = _flag(
        0.0, "Share of a GPU's memory to take; 0 lets TensorFlow choose."
    )
    version: bool = _flag(False, "Print the versions and exit.")
    flush_filesystem_caches: bool = _ignored(True)
    remove_unused_fields_from_bundle_metagraph: bool = _ignored(True)
    enable_profiler: bool = _ignored(True, "The profiler service is not part of this server.")
    xla_cpu_compilation_enabled: bool = _ignored(False)
    xla_gpu_compilation_enabled: bool = _ignored(False)
    mixed_precision: str = _ignored("")
    thread_pool_factory_config_file: str = _ignored("")
    num_tflite_pools: int = _ignored(1)
    num_tflite_interpreters_per_pool: int = _ignored(1)
    skip_initialize_tpu: bool = _ignored(False)
    prefer_tflite_model: bool = _flag(False, "Serve model.tflite: not supported here.", Level.REFUSE)
    platform_config_file: str = _flag("", "Text PlatformConfigMap: not supported here.", Level.REFUSE)
    use_alts_credentials: bool = _flag(False, "ALTS credentials: not supported here.", Level.REFUSE)

    host: str = _extension(
        "", "Address to listen on; empty means 0.0.0.0 for gRPC and every interface for HTTP."
    )
    rest_api_max_body_bytes: int = _extension(
        0, "Refuse larger HTTP request bodies, also after inflating; 0 means no limit but gzip's 100 MB."
    )
    rest_api_max_bytes_in_flight: int = _extension(
        0,
        "Memory for all HTTP requests at once: received, inflated and parsed bodies, unread answers."
        " 0 means 2 GiB, or half of the memory if that is less.",
    )
    grpc_front: str = _extension(
        "own", "What speaks gRPC: own (our HTTP/2) or aio (grpc.aio; for one version, as a way back)."
    )
    grpc_max_bytes_in_flight: int = _extension(
        0,
        "Memory for all gRPC messages at once, received, inflated and unread; 0 means 2 GiB, or half of the memory if"
        " that is less. Not with --grpc_front=aio.",
    )
    grpc_max_message_bytes: int = _extension(0, "Largest gRPC message, both ways; 0 means 2 GiB - 1.")
    drain_seconds: float = _extension(30.0, "How long requests in flight may take after SIGTERM.")
    reload_wait_seconds: float = _extension(
        0.0, "How long ReloadConfig waits for new models; 0 means as long as the caller."
    )
    refuse_outside_links: bool = _extension(
        False, "Refuse version directories that are links out of their base path."
    )
    experiments: str = _extension(
        "",
        "Document of experiments (YAML): requests without a version or label get the version of their arm.",
    )
    worker_processes: int = _extension(1, "Processes that serve behind the same ports.")

    batching: BatchingParameters | None = None
    ssl: SslConfig | None = field(default=None, repr=False)
    monitoring_path: str | None = None
    model_config: ServerConfig | None = None

    @property
    def tags(self) -> tuple[str, ...]:
        """The MetaGraph tags, as a tuple."""
        return tuple(self.saved_model_tags.split(","))

    @property
    def intra_op_threads(self) -> int:
        """Threads inside one op; 0 lets TensorFlow choose."""
        return self.tensorflow_intra_op_parallelism if self._apart else self.tensorflow_session_parallelism

    @property
    def inter_op_threads(self) -> int:
        """Ops that may run at once; 0 lets TensorFlow choose."""
        return self.tensorflow_inter_op_parallelism if self._apart else self.tensorflow_session_parallelism

    @property
    def _apart(self) -> bool:
        return self.tensorflow_intra_op_parallelism > 0 or self.tensorflow_inter_op_parallelism > 0

    @property
    def grpc_address(self) -> str:
        """Where gRPC listens, as host and port."""
        host = self.host or "0.0.0.0"
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    @property
    def session_threads(self) -> int:
        """How many session runs of one version may be active at once, over both protocols."""
        both = (self.grpc_max_threads, self.rest_api_num_threads if self.http_port else 0)
        return max(1, *both)

    @property
    def http_port(self) -> int:
        """The HTTP port; 0 if it equals gRPC's, where HTTP is not served."""
        return 0 if self.rest_api_port == self.port else self.rest_api_port

    @property
    def grpc_message_limit(self) -> int:
        """The largest gRPC message in bytes, both ways."""
        return self.grpc_max_message_bytes or 2**31 - 1

    @property
    def grpc_arguments(self) -> list[tuple[str, int | str]]:
        """The gRPC server's arguments; a value that parses as an int32 is an int, as in TF Serving."""
        pairs = (text.partition("=") for text in self.grpc_channel_arguments.split(",") if text)
        return [(key, _int_or_text(value)) for key, _, value in pairs]


def _int_or_text(value: str) -> int | str:
    digits = value.removeprefix("-")
    if digits.isascii() and digits.isdigit() and -(2**31) <= int(value) < 2**31:
        return int(value)
    return value
